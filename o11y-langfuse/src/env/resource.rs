//! `OTEL_RESOURCE_ATTRIBUTES`: what a deployment says of its services, as far as it is sent.

/// What is taken of it; the rest would be copied into the metadata of every observation.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Resource {
    pub(super) service_name: Option<String>,
    pub(super) service_version: Option<String>,
    pub(super) environment: Option<String>,
}

impl Resource {
    /// Reads `key=value` pairs, divided by commas, with percent-encoded values. The format is not
    /// ours, and what is no pair is passed over.
    pub(super) fn parse(text: &str) -> Self {
        let mut resource = Self::default();
        for (key, value) in text.split(',').filter_map(|pair| pair.split_once('=')) {
            let slot = match key.trim() {
                "service.name" => &mut resource.service_name,
                "service.version" => &mut resource.service_version,
                "deployment.environment.name" => &mut resource.environment,
                // The older name of the same.
                "deployment.environment" if resource.environment.is_none() => {
                    &mut resource.environment
                }
                _ => continue,
            };
            let value = decoded(value.trim());
            *slot = (!value.is_empty()).then_some(value);
        }
        resource
    }
}

/// Undoes percent-encoding; what is none stays as it is.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let code = match (first, after) {
            (b'%', [high, low, ..]) => hex(*high).zip(hex(*low)),
            _ => None,
        };
        if let Some((high, low)) = code {
            bytes.push(high << 4 | low);
            rest = &after[2..];
        } else {
            bytes.push(*first);
            rest = after;
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn hex(digit: u8) -> Option<u8> {
    let digit = char::from(digit).to_digit(16)?;
    u8::try_from(digit).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_read_and_what_is_not_sent_is_passed_over() {
        let read = Resource::parse(
            "service.name=coffee%20shop, service.version=1.2,host.name=x,nonsense,\
             deployment.environment=old,deployment.environment.name=prod",
        );

        assert_eq!(read.service_name.as_deref(), Some("coffee shop"));
        assert_eq!(read.service_version.as_deref(), Some("1.2"));
        assert_eq!(read.environment.as_deref(), Some("prod"));
        assert_eq!(Resource::parse(""), Resource::default());
    }

    #[test]
    fn broken_percent_codes_stay_as_they_are() {
        assert_eq!(decoded("100%"), "100%");
        assert_eq!(decoded("%zz%4"), "%zz%4");
        assert_eq!(decoded("gr%C3%BCn"), "grün");
    }
}
