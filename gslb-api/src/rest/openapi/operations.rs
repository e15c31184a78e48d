//! The operations: paths, parameters, bodies and answers.

use utoipa::IntoParams;
use utoipa::openapi::path::{
    HttpMethod, Operation, OperationBuilder, Parameter, ParameterBuilder, ParameterIn, PathItem, Paths, PathsBuilder,
};
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::{ContentBuilder, ObjectBuilder, Ref, Required, ResponseBuilder, Type};

use crate::document::Section;
use crate::rest::status::Asked;
use crate::rest::{alertmanager, query};

const JSON: &str = "application/json";
const PATCH: &str = "application/merge-patch+json";
const TOML: &str = "application/toml";
/// `*`, or tags.
const TAGS: &str = r#"^(\*|(W/)?"[!#-+.-~-]*"( *, *(W/)?"[!#-+.-~-]*")*)$"#;

/// All paths with their operations.
pub(super) fn all() -> Paths {
    let paths = Section::ALL.into_iter().fold(PathsBuilder::new(), of_section);
    let paths = of_document(paths);
    let paths = of_overrides(paths);
    let paths = of_health(paths);
    let paths = of_process(paths);
    others(paths).build()
}

fn of_section(paths: PathsBuilder, section: Section) -> PathsBuilder {
    let (segment, one) = (section.segment(), section.singular());
    let list = Told::new(segment, "list", format!("All {segment}, by name")).gives("200", "Collection");
    let form = if section == Section::Policies { "Policy" } else { "Resource" };
    let read = Told::new(segment, "read", format!("One {one}")).named("name").gives("200", form);
    let put = Told::new(segment, "put", format!("Make or replace a {one}")).named("name");
    let put = put.writes(&[JSON], form).gives("200", "Done").gives("201", "Done");
    let patch = Told::new(segment, "patch", format!("Change a {one}")).named("name");
    let patch = patch.writes(&[PATCH], "Patch").gives("200", "Done");
    let delete = Told::new(segment, "delete", format!("Delete a {one} that nothing refers to")).named("name");
    let delete = delete.write().gives("200", "Done");
    let one = item([
        (HttpMethod::Get, read.cached()),
        (HttpMethod::Put, put),
        (HttpMethod::Patch, patch),
        (HttpMethod::Delete, delete),
    ]);
    paths
        .path(format!("/api/v1/{segment}"), item([(HttpMethod::Get, list.asks::<query::Named>().cached())]))
        .path(format!("/api/v1/{segment}/{{name}}"), one)
}

fn of_document(paths: PathsBuilder) -> PathsBuilder {
    let read = Told::new("document", "read", "The document in force").gives("200", "Document").also(TOML);
    let put = Told::new("document", "put", "Replace the document").writes(&[JSON, TOML], "Document");
    let patch = Told::new("document", "patch", "Change the document").writes(&[PATCH], "Patch");
    let list = Told::new("revisions", "list", "Revisions, the latest first").gives("200", "Revisions");
    let one = Told::new("revisions", "read", "A revision with its document").numbered().gives("200", "Revision").toml();
    let diff = Told::new("revisions", "diff", "What a revision changed").numbered().gives("200", "Diff");
    let restore = Told::new("revisions", "restore", "Put a revision's document in force again").numbered();
    let document = item([
        (HttpMethod::Get, read.cached()),
        (HttpMethod::Put, put.gives("200", "Done")),
        (HttpMethod::Patch, patch.gives("200", "Done")),
    ]);
    paths
        .path("/api/v1/document", document)
        .path("/api/v1/revisions", item([(HttpMethod::Get, list.asks::<query::Numbered>())]))
        .path("/api/v1/revisions/{number}", item([(HttpMethod::Get, one.cached())]))
        .path("/api/v1/revisions/{number}/diff", item([(HttpMethod::Get, diff.asks::<query::Diff>())]))
        .path("/api/v1/revisions/{number}/restore", item([(HttpMethod::Post, restore.write().gives("200", "Done"))]))
}

fn of_overrides(paths: PathsBuilder) -> PathsBuilder {
    let list = Told::new("overrides", "list", "All overrides, by id").gives("200", "Overrides");
    let read = Told::new("overrides", "read", "One override").named("id").gives("200", "OverrideRead");
    let put = Told::new("overrides", "put", "Force endpoints up, down, drained or to a weight").named("id");
    let put = put.writes(&[JSON], "Override").gives("200", "Done").gives("201", "Done");
    let delete = Told::new("overrides", "delete", "End an override").named("id").write().gives("200", "Done");
    let one = item([(HttpMethod::Get, read.cached()), (HttpMethod::Put, put), (HttpMethod::Delete, delete)]);
    paths.path("/api/v1/overrides", item([(HttpMethod::Get, list.cached())])).path("/api/v1/overrides/{id}", one)
}

fn of_health(paths: PathsBuilder) -> PathsBuilder {
    let list = Told::new("status", "list", "What is up, since when and why").asks::<Asked>().gives("200", "Statuses");
    let read = Told::new("status", "read", "One endpoint with all of its evidence");
    let read = read.named("pool").named("endpoint").gives("200", "Status");
    let resume = Told::new("status", "resume", "Let an endpoint back that hold_down or resume keeps down");
    let resume = resume.named("pool").named("endpoint").gives("200", "Resumed");
    let lift = Told::new("status", "lift", "Believe the failures of a mass failure").gives("200", "Lifted");
    let latency = Told::new("latency", "read", "How far data centers are, as measured").gives("200", "Latency");
    let drill = Told::new("drill", "post", "What every service would answer if a data center were gone");
    let drill = drill.body(&[JSON], "DrillAsked").gives("200", "Drill");
    let observe = Told::new("observations", "post", "Say what was seen: word of endpoints, and clients' latencies");
    let observe = observe.body(&[JSON], "Observations").gives("200", "Observed");
    paths
        .path("/api/v1/status", item([(HttpMethod::Get, list)]))
        .path("/api/v1/status/{pool}/{endpoint}", item([(HttpMethod::Get, read)]))
        .path("/api/v1/status/{pool}/{endpoint}/resume", item([(HttpMethod::Post, resume)]))
        .path("/api/v1/mass-failure/lift", item([(HttpMethod::Post, lift)]))
        .path("/api/v1/drill", item([(HttpMethod::Post, drill)]))
        .path("/api/v1/latency", item([(HttpMethod::Get, latency)]))
        .path("/api/v1/observations", item([(HttpMethod::Post, observe)]))
}

fn others(paths: PathsBuilder) -> PathsBuilder {
    let plan = Told::new("plan", "post", "What a document or a patch of it would change, and whose answers would move");
    let plan = plan.body(&[JSON, TOML, PATCH], "Document").if_match().gives("200", "Done");
    let explain = Told::new("explain", "post", "The answer to a query, and every step that led to it");
    let explain = explain.body(&[JSON], "Question").gives("200", "Explained");
    let events = Told::new("events", "read", "What changes, as it happens: server-sent events");
    let events = events.resumes().streams("Events");
    let audit = Told::new("audit", "list", "Who changed what, the latest first").gives("200", "Audit");
    let tail = Told::new("tail", "read", "What is answered, as it is answered, with its decision: server-sent events");
    let tail = tail.asks::<query::Tail>().streams("Answers, and how many were missed");
    let top = Told::new("top", "list", "What was answered most in the last ten minutes, from a sample");
    let tokens = Told::new("tokens", "list", "All tokens, by id, without their secrets").gives("200", "Tokens");
    let own =
        Told::new("token", "read", "The token of this request: its id, name, role and scopes").gives("200", "Caller");
    let create = Told::new("tokens", "create", "Make a token, whose secret is shown once").body(&[JSON], "TokenAsked");
    let revoke = Told::new("tokens", "revoke", "Revoke a token").named("id").gives_nothing("204");
    paths
        .path("/api/v1/plan", item([(HttpMethod::Post, plan)]))
        .path("/api/v1/explain", item([(HttpMethod::Post, explain)]))
        .path("/api/v1/events", item([(HttpMethod::Get, events)]))
        .path("/api/v1/audit", item([(HttpMethod::Get, audit.asks::<query::Numbered>())]))
        .path("/api/v1/top", item([(HttpMethod::Get, top.asks::<query::Top>().gives("200", "Ranking"))]))
        .path("/api/v1/tail", item([(HttpMethod::Get, tail)]))
        .path("/api/v1/tokens", item([(HttpMethod::Get, tokens), (HttpMethod::Post, create.gives("201", "Token"))]))
        .path("/api/v1/token", item([(HttpMethod::Get, own)]))
        .path("/api/v1/tokens/{id}", item([(HttpMethod::Delete, revoke)]))
}

fn of_process(paths: PathsBuilder) -> PathsBuilder {
    let alerts = "Alerts of Alertmanager that become overrides, and end them: what its webhook sends";
    let alerts = Told::new("alertmanager", "post", alerts).asks::<alertmanager::Webhook>();
    let alerts = alerts.body(&[JSON], "Notification").gives("200", "Heeded");
    let read = Told::new("log", "read", "How much this server logs").gives("200", "Log");
    let put = Told::new("log", "put", "Log more or less, until the server restarts");
    let put = put.body(&[JSON], "Log").if_match().gives("200", "Log");
    let shown = Told::new("thaw", "read", "Whether frozen windows stop no change now").gives("200", "Thawed");
    let thaw = Told::new("thaw", "begin", "Have frozen windows stop no change for a while; for admins");
    let thaw = thaw.body(&[JSON], "ThawAsked").gives("200", "Thawed");
    let freeze = Told::new("thaw", "end", "Have frozen windows hold again; for admins").gives("200", "Thawed");
    let thaw = [(HttpMethod::Get, shown), (HttpMethod::Post, thaw), (HttpMethod::Delete, freeze)];
    paths
        .path("/api/v1/thaw", item(thaw))
        .path("/api/v1/integrations/alertmanager", item([(HttpMethod::Post, alerts)]))
        .path("/api/v1/log", item([(HttpMethod::Get, read.cached()), (HttpMethod::Put, put)]))
}

fn item<const N: usize>(operations: [(HttpMethod, Told); N]) -> PathItem {
    let mut item = PathItem::default();
    for (method, told) in operations {
        let operation = Some(told.finish());
        match method {
            HttpMethod::Get => item.get = operation,
            HttpMethod::Put => item.put = operation,
            HttpMethod::Post => item.post = operation,
            HttpMethod::Patch => item.patch = operation,
            _ => item.delete = operation,
        }
    }
    item
}

/// An operation in the making.
struct Told {
    operation: OperationBuilder,
    /// A notation of the answer besides JSON.
    also: Option<&'static str>,
}

impl Told {
    fn new(tag: &str, verb: &str, summary: impl Into<String>) -> Self {
        let id = format!("{}_{verb}", tag.replace('-', "_"));
        let problem = Ref::from_response_name("Problem");
        let operation = OperationBuilder::new().tag(tag).operation_id(Some(id)).summary(Some(summary.into()));
        Self { operation: operation.response("default", problem), also: None }
    }

    fn with(mut self, change: impl FnOnce(OperationBuilder) -> OperationBuilder) -> Self {
        self.operation = change(self.operation);
        self
    }

    fn parameter(self, parameter: Parameter) -> Self {
        self.with(|operation| operation.parameter(parameter))
    }

    fn in_path(self, name: &str, kind: Type) -> Self {
        let schema = ObjectBuilder::new().schema_type(kind);
        let parameter = ParameterBuilder::new().name(name).parameter_in(ParameterIn::Path).required(Required::True);
        self.parameter(parameter.schema(Some(schema)).build())
    }

    fn in_header(self, name: &str, pattern: &str, told: &str) -> Self {
        let schema = ObjectBuilder::new().schema_type(Type::String).pattern(Some(pattern));
        let parameter = ParameterBuilder::new().name(name).parameter_in(ParameterIn::Header).description(Some(told));
        self.parameter(parameter.required(Required::False).schema(Some(schema)).build())
    }

    fn named(self, name: &str) -> Self {
        self.in_path(name, Type::String)
    }

    fn numbered(self) -> Self {
        self.in_path("number", Type::Integer)
    }

    fn asks<Q: IntoParams>(self) -> Self {
        Q::into_params(|| Some(ParameterIn::Query)).into_iter().fold(self, Self::parameter)
    }

    fn if_match(self) -> Self {
        self.in_header("If-Match", TAGS, "Tags of the states that are meant; needed where something exists.")
    }

    /// A write of what may exist.
    fn write(self) -> Self {
        self.asks::<query::Write>().if_match()
    }

    fn writes(self, media: &[&str], schema: &str) -> Self {
        self.body(media, schema).write().in_header("If-None-Match", "^\\*$", "* where nothing must exist.")
    }

    fn body(self, media: &[&str], schema: &str) -> Self {
        let mut body = RequestBodyBuilder::new().required(Some(Required::True));
        for &media in media {
            let content = if media == TOML {
                ContentBuilder::new().schema(Some(ObjectBuilder::new().schema_type(Type::String)))
            } else {
                ContentBuilder::new().schema(Some(Ref::from_schema_name(schema)))
            };
            body = body.content(media, content.build());
        }
        self.with(|operation| operation.request_body(Some(body.build())))
    }

    fn also(mut self, media: &'static str) -> Self {
        self.also = Some(media);
        self.gives("200", "Document")
    }

    /// The same answer may be had as a document in TOML.
    fn toml(mut self) -> Self {
        self.also = Some(TOML);
        self.gives("200", "Revision")
    }

    fn gives(self, status: &str, schema: &str) -> Self {
        let content = ContentBuilder::new().schema(Some(Ref::from_schema_name(schema))).build();
        let mut response = ResponseBuilder::new().description("Done").content(JSON, content);
        if let Some(media) = self.also {
            let text = ContentBuilder::new().schema(Some(ObjectBuilder::new().schema_type(Type::String)));
            response = response.content(media, text.build());
        }
        self.with(|operation| operation.response(status, response.build()))
    }

    fn gives_nothing(self, status: &str) -> Self {
        self.with(|operation| operation.response(status, ResponseBuilder::new().description("Done").build()))
    }

    fn cached(self) -> Self {
        let not_modified = ResponseBuilder::new().description("The reader has it").build();
        self.in_header("If-None-Match", TAGS, "Tags of the states that the reader has.")
            .with(|operation| operation.response("304", not_modified))
    }

    fn resumes(self) -> Self {
        self.in_header("Last-Event-ID", "^[0-9]{1,15}$", "The id of the last event that is known.")
    }

    fn streams(self, what: &str) -> Self {
        let content = ContentBuilder::new().schema(Some(ObjectBuilder::new().schema_type(Type::String))).build();
        let response = ResponseBuilder::new().description(what).content("text/event-stream", content).build();
        self.with(|operation| operation.response("200", response))
    }

    fn finish(self) -> Operation {
        self.operation.build()
    }
}
