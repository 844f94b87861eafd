//! Questions to Langfuse's own API, asked on the caller's thread.

use std::{sync::OnceLock, time::Duration};

use o11y_core::TraceId;
use serde_json::Value as Json;
use ureq::Agent;

use crate::{
    config::{Config, Host},
    error::ApiError,
    roots::Roots,
    transport::agent,
};

/// The one route that is not rate limited: for health checks it is the right one.
const PROJECTS_PATH: &str = "/api/public/projects";

/// The project that the keys belong to.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Project {
    /// Its id, as it stands in addresses.
    pub id: String,
    /// Its name.
    pub name: String,
}

pub(crate) struct Api {
    host: Host,
    authorization: String,
    timeout: Duration,
    roots: Option<Roots>,
    /// A project never changes for a pair of keys.
    project: OnceLock<Project>,
}

impl Api {
    pub(crate) fn new(config: &Config) -> Self {
        Self {
            host: config.host.clone(),
            authorization: config.authorization(),
            timeout: config.timeout,
            roots: config.roots.clone(),
            project: OnceLock::new(),
        }
    }

    pub(crate) fn project(&self) -> Result<Project, ApiError> {
        // An agent of its own: the worker's connection belongs to the worker.
        let agent: Agent = agent(&self.host, self.timeout, self.roots.as_ref());
        let unreachable = |error: ureq::Error| ApiError::Unreachable(error.into());
        let mut response = agent
            .get(self.host.url(PROJECTS_PATH))
            .header("authorization", &self.authorization)
            .call()
            .map_err(unreachable)?;
        let status = response.status().as_u16();
        if matches!(status, 401 | 403) {
            return Err(ApiError::Refused { status });
        }
        let body = response.body_mut().read_to_vec().map_err(unreachable)?;
        let answer: Json = serde_json::from_slice(&body).unwrap_or_default();
        let first = &answer["data"][0];
        match (first["id"].as_str(), first["name"].as_str()) {
            (Some(id), name) if status == 200 => {
                let project = Project {
                    id: id.to_owned(),
                    name: name.unwrap_or_default().to_owned(),
                };
                Ok(self.project.get_or_init(|| project).clone())
            }
            _ => Err(ApiError::Unexpected { status }),
        }
    }

    pub(crate) fn trace_url(&self, trace: TraceId) -> Result<String, ApiError> {
        let project = match self.project.get() {
            Some(project) => project.clone(),
            None => self.project()?,
        };
        Ok(self
            .host
            .url(&format!("/project/{}/traces/{trace}", project.id)))
    }
}
