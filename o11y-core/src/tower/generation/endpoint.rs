//! Which requests are calls of a model, and of whose.

use http::Method;

/// A place that answers calls of a model.
pub(in crate::tower) struct Endpoint {
    pub(super) operation: &'static str,
    /// The provider, where the host tells nothing.
    provider: &'static str,
    /// The deployment that the path names, as Azure's do in place of a model.
    pub(super) deployment: Option<String>,
}

/// How paths end, with the operation and who speaks so.
const ENDINGS: [(&str, &str, &str); 8] = [
    ("/chat/completions", "chat", "openai"),
    ("/completions", "text_completion", "openai"),
    ("/responses", "chat", "openai"),
    ("/embeddings", "embeddings", "openai"),
    ("/messages", "chat", "anthropic"),
    ("/api/chat", "chat", "ollama"),
    ("/api/generate", "text_completion", "ollama"),
    ("/api/embed", "embeddings", "ollama"),
];

/// How hosts end, with the provider's name in OpenTelemetry's conventions where it has one.
const HOSTS: [(&str, &str); 13] = [
    ("api.openai.com", "openai"),
    ("api.anthropic.com", "anthropic"),
    (".openai.azure.com", "azure.ai.openai"),
    (".services.ai.azure.com", "azure.ai.inference"),
    ("api.groq.com", "groq"),
    ("api.mistral.ai", "mistral_ai"),
    ("api.deepseek.com", "deepseek"),
    ("api.x.ai", "x_ai"),
    ("api.cohere.ai", "cohere"),
    ("api.cohere.com", "cohere"),
    ("api.perplexity.ai", "perplexity"),
    ("generativelanguage.googleapis.com", "gcp.gemini"),
    ("openrouter.ai", "openrouter"),
];

impl Endpoint {
    pub(in crate::tower) fn of(method: &Method, path: &str) -> Option<Self> {
        // The messages of a thread are stored, not answered.
        if method != Method::POST || path.contains("/threads/") {
            return None;
        }
        let path = path.trim_end_matches('/');
        let &(_, operation, provider) = ENDINGS.iter().find(|(end, ..)| path.ends_with(end))?;
        let deployment = path.split_once("/deployments/").map(|(_, rest)| rest);
        Some(Self {
            operation,
            provider,
            deployment: deployment
                .and_then(|rest| rest.split('/').next())
                .map(str::to_owned),
        })
    }

    /// Who serves the model behind that host.
    pub(super) fn provider(&self, host: Option<&str>) -> &'static str {
        let known = host.and_then(|host| HOSTS.iter().find(|(end, _)| host.ends_with(end)));
        known.map_or(self.provider, |(_, provider)| provider)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn operation(path: &str) -> Option<&'static str> {
        Endpoint::of(&Method::POST, path).map(|endpoint| endpoint.operation)
    }

    #[test]
    fn calls_are_known_by_the_end_of_their_path() {
        assert_eq!(operation("/v1/chat/completions"), Some("chat"));
        assert_eq!(operation("/openai/v1/responses/"), Some("chat"));
        assert_eq!(operation("/v1/messages"), Some("chat"));
        assert_eq!(operation("/v1/completions"), Some("text_completion"));
        assert_eq!(operation("/v1/embeddings"), Some("embeddings"));

        for path in [
            "/v1/models",
            "/v1/responses/resp_1/cancel",
            "/v1/messages/count_tokens",
            "/v1/threads/thread_1/messages",
            "/",
        ] {
            assert_eq!(operation(path), None, "{path}");
        }
        assert!(Endpoint::of(&Method::GET, "/v1/chat/completions").is_none());
    }

    #[test]
    fn the_provider_is_told_by_the_host_and_else_by_the_path() {
        let chat = Endpoint::of(&Method::POST, "/v1/chat/completions").unwrap();
        let messages = Endpoint::of(&Method::POST, "/v1/messages").unwrap();

        assert_eq!(chat.provider(Some("api.groq.com")), "groq");
        assert_eq!(
            chat.provider(Some("shop.openai.azure.com")),
            "azure.ai.openai"
        );
        assert_eq!(chat.provider(Some("localhost")), "openai");
        assert_eq!(messages.provider(None), "anthropic");
    }

    #[test]
    fn a_deployment_stands_in_the_path() {
        let path = "/openai/deployments/barista/chat/completions";
        let endpoint = Endpoint::of(&Method::POST, path).unwrap();

        assert_eq!(endpoint.deployment.as_deref(), Some("barista"));
    }
}
