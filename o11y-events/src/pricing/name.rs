//! The names of providers and models, and what may be taken off a model's name without changing
//! what it costs.

/// Providers that make models. A bare name is looked up here first, in this order; their models'
/// names do not overlap.
pub(crate) const MAKERS: [&str; 9] = [
    "openai",
    "anthropic",
    "google",
    "mistral",
    "cohere",
    "deepseek",
    "xai",
    "perplexity",
    "voyage",
];

/// Providers that host others' models at prices of their own.
const HOSTS: [&str; 6] = [
    "azure",
    "bedrock",
    "fireworks",
    "groq",
    "together",
    "vertex_ai",
];

/// What Bedrock puts in front of a model's id for an inference profile.
const REGIONS: [&str; 9] = [
    "us.", "eu.", "apac.", "jp.", "au.", "ca.", "in.", "us-gov.", "global.",
];

/// Suffixes that name a moment, not another model: `#` is a digit.
const MOMENTS: [&str; 4] = ["-20##-##-##", "-20######", "-latest", "-default"];

/// Those of previews, which state month and day, or month and year.
const MOMENTS_OF_A_PREVIEW: [&str; 2] = ["-##-20##", "-##-##"];

/// A provider by the one name that it has in a table. The names of OpenTelemetry's conventions, of
/// LiteLLM and of common clients are understood; any other stays as it is, in lower case.
pub(crate) fn provider(text: &str) -> String {
    let name = text
        .trim()
        .to_ascii_lowercase()
        .replace(['-', '.', ' '], "_");
    let known = match name.as_str() {
        "text_completion_openai" => "openai",
        "azure_openai" | "azure_ai_openai" | "az_ai_openai" | "azure_text" => "azure",
        "gemini" | "gcp_gemini" | "gcp_gen_ai" | "google_ai_studio" | "google_genai"
        | "google_gemini" => "google",
        "vertex" | "vertexai" | "gcp_vertex_ai" | "google_vertex" | "google_vertex_ai" => {
            "vertex_ai"
        }
        family if family.starts_with("vertex_ai_") => "vertex_ai",
        "aws_bedrock" | "amazon_bedrock" | "bedrock_converse" => "bedrock",
        "mistral_ai" | "mistralai" => "mistral",
        "cohere_chat" => "cohere",
        "x_ai" => "xai",
        "together_ai" | "togetherai" => "together",
        "fireworks_ai" | "fireworks_ai_embedding_models" => "fireworks",
        "voyage_ai" | "voyageai" => "voyage",
        _ => return name,
    };
    known.to_owned()
}

/// Whether a table may have this provider, by its one name.
pub(crate) fn is_provider(name: &str) -> bool {
    MAKERS.contains(&name) || HOSTS.contains(&name)
}

/// A model's name as it stands in a table: in lower case, without the path that some interfaces
/// put in front, Vertex' `@` as a dash.
pub(crate) fn model(text: &str) -> String {
    let name = text.trim().to_ascii_lowercase().replace('@', "-");
    let without_path = if name.starts_with("arn:") {
        let kinds = [
            ":foundation-model/",
            "/foundation-model/",
            ":inference-profile/",
        ];
        kinds.iter().find_map(|kind| after(&name, kind))
    } else if name.starts_with("projects/") || name.starts_with("publishers/") {
        after(&name, "/models/")
    } else {
        name.strip_prefix("models/")
    };
    without_path.map_or_else(|| name.clone(), str::to_owned)
}

fn after<'a>(text: &'a str, mark: &str) -> Option<&'a str> {
    text.split_once(mark).map(|(_, rest)| rest)
}

/// The name before a date, or before `-latest`. A version is no date: `mistral-large-2407` and
/// `command-r-08-2024` cost what only their own rows know.
pub(crate) fn without_moment(name: &str) -> Option<&str> {
    let plain = MOMENTS.iter().find_map(|moment| before(name, moment));
    let preview = || {
        let mut moments = MOMENTS_OF_A_PREVIEW.iter();
        let family = moments.find_map(|moment| before(name, moment))?;
        ["-preview", "-exp"]
            .iter()
            .any(|kind| family.ends_with(kind))
            .then_some(family)
    };
    // `gemini-2.0-flash-001` is the first stable release of that model.
    let release = || before(name, "-00#").filter(|family| family.starts_with("gemini-"));
    plain.or_else(preview).or_else(release)
}

/// What stands before a suffix that looks like `pattern`.
fn before<'a>(name: &'a str, pattern: &str) -> Option<&'a str> {
    let cut = name.len().checked_sub(pattern.len())?;
    let (family, suffix) = name.split_at_checked(cut)?;
    let alike = suffix.bytes().zip(pattern.bytes()).all(|(byte, wanted)| {
        if wanted == b'#' {
            byte.is_ascii_digit()
        } else {
            byte == wanted
        }
    });
    (alike && !family.is_empty()).then_some(family)
}

/// A fine-tuned OpenAI model without organisation and id: `ft:gpt-4o-mini-2024-07-18:org::id` is
/// priced as `ft:gpt-4o-mini-2024-07-18`, never as the model that it was made from.
pub(crate) fn without_owner(name: &str) -> Option<&str> {
    let base = name.strip_prefix("ft:")?;
    let (base, _) = base.split_once(':')?;
    name.get(.."ft:".len() + base.len())
}

/// A Bedrock model's id without the region of an inference profile.
pub(crate) fn without_region<'a>(provider: &str, name: &'a str) -> Option<&'a str> {
    if provider != "bedrock" {
        return None;
    }
    REGIONS.iter().find_map(|region| name.strip_prefix(region))
}

/// The ids of one Bedrock model in all regions.
pub(crate) fn in_regions(model: &str) -> impl Iterator<Item = String> {
    REGIONS.iter().map(move |region| format!("{region}{model}"))
}
