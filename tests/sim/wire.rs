//! What a request is, told from its method, its address and its body alone.

use userpurge::sandbox::Call;

use crate::files;
use crate::world::{Deletion, Visit};

/// The request as a gateway hands it on that decodes slashes and takes out what is empty between them.
pub(crate) fn through_gateway(visit: &Visit) -> Result<Visit, String> {
    let mut visit = visit.clone();
    let address = visit.uri().to_string();
    let path = visit.uri().path().replace("%2F", "/");
    let parts: Vec<&str> = path.split('/').filter(|it| !it.is_empty()).collect();
    let path = format!("/{}", parts.join("/"));
    let address = address.replacen(visit.uri().path(), &path, 1);
    *visit.uri_mut() = address.parse().map_err(|_| "an address")?;
    Ok(visit)
}

/// The tenant of a request, told from its address.
pub(crate) fn tenant_of(visit: &Visit) -> String {
    visit
        .uri()
        .path()
        .split('/')
        .nth(2)
        .unwrap_or_default()
        .to_owned()
}

/// What kind of call a request is, as far as limits tell them apart.
pub(crate) fn kind_of(visit: &Visit) -> Call {
    if let Some((_, _, call)) = deletions(visit).first() {
        *call
    } else if visit.method() == http::Method::POST {
        Call::Token
    } else {
        Call::Read
    }
}

/// What a request deletes.
pub(crate) fn deletions(visit: &Visit) -> Vec<Deletion> {
    if let Some((tenant, user)) = of_file(visit) {
        let call = if user.is_empty() {
            Call::Unknown
        } else {
            Call::Delete
        };
        return vec![(tenant, user, call)];
    }
    if visit.method() != http::Method::DELETE {
        return Vec::new();
    }
    let parts: Vec<&str> = visit.uri().path().split('/').skip(2).collect();
    let (tenant, rest) = parts
        .split_first()
        .map_or(("", &[][..]), |(it, rest)| (*it, rest));
    let (call, ids) = match rest {
        ["api", "v2", "users", "destroy_many" | "destroy_many.json"] => {
            let query = visit.uri().query().unwrap_or_default();
            let ids = query.strip_prefix("ids=").unwrap_or(query);
            let ids = ids.replace("%2C", ",");
            (Call::Delete, ids.split(',').map(str::to_owned).collect())
        }
        ["api", "v2", "users", id] => (Call::Delete, vec![(*id).replace(".json", "")]),
        ["api", "v2", "deleted_users", id] => {
            (Call::PermanentlyDelete, vec![(*id).replace(".json", "")])
        }
        ["v2", "apps", _, "users", id, "personalinformation"] => {
            (Call::DeletePersonalInformation, vec![(*id).to_owned()])
        }
        ["v2", "apps", _, "users", id] | ["crm", _, "users", id] => {
            (Call::Delete, vec![(*id).to_owned()])
        }
        ["file", ..] => return Vec::new(),
        other => (Call::Unknown, vec![format!("{other:?}")]),
    };
    ids.into_iter()
        .map(|id: String| (tenant.to_owned(), id, call))
        .collect()
}

/// Tenant and user of a request that deletes at a provider from a file.
fn of_file(visit: &Visit) -> Option<(String, String)> {
    let address = visit.uri().path_and_query()?.as_str();
    let (tenant, rest) = address.strip_prefix("/t/")?.split_once("/file/")?;
    let (name, _) = rest.split_once('/')?;
    let facts = files::FILES.iter().find(|it| it.name == name)?;
    let user = facts.deleted(visit.method().as_str(), &rest[name.len()..], visit.body())?;
    Some((tenant.to_owned(), user))
}

/// The provider's call of a step.
pub(crate) fn call_of(step: &str) -> Call {
    match step {
        "delete" => Call::Delete,
        "permanently-delete" => Call::PermanentlyDelete,
        "delete-personal-information" => Call::DeletePersonalInformation,
        own if files::is_step(own) => Call::Delete,
        _ => Call::Unknown,
    }
}
