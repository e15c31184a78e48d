//! The reported memory of a table, as in metrics and the log, matches its allocations.

#[path = "support/counting.rs"]
mod counting;
mod support;

use std::sync::LazyLock;

use counting::allocated;
use gslb_core::budget::Budget;
use gslb_core::locate::column::Column;
use gslb_core::locate::index::LocationIndex;
use gslb_core::site::model::PoolId;
use gslb_core::steer::plan::{Plan, Plans};
use gslb_core::table::compile::{Compiled, compile_within};
use support::WORLD;

const DOCUMENT: &str = include_str!("../../deploy/example/site.toml");
const ZONE: &str = include_str!("../../deploy/example/example.com.zone");

/// The value, and the octets still allocated for it.
fn measured<T>(make: impl FnOnce() -> T) -> (T, usize) {
    let before = allocated();
    let made = make();
    (made, usize::try_from(allocated() - before).unwrap())
}

#[test]
fn an_index_and_its_columns_report_their_memory() {
    LazyLock::force(&WORLD);
    let (index, taken) = measured(|| LocationIndex::build(&*WORLD, &[]));
    let reported = index.memory();
    assert!(reported <= taken && taken < reported + reported / 10, "{reported} of {taken}");
    for classes in [1, 5, 300] {
        let classes: Vec<u32> = (0..index.loci.len() as u32).map(|locus| locus % classes).collect();
        let (column, taken) = measured(|| Column::build(&index, &classes));
        assert_eq!(column.memory(), taken);
    }
}

#[test]
fn a_table_reports_its_memory_including_counters() {
    LazyLock::force(&WORLD);
    let (table, taken) = measured(|| support::table(DOCUMENT, ZONE, &*WORLD));
    let reported = table.memory();
    assert!(reported <= taken && taken < 2 * reported, "{reported} of {taken}");
    let (table, taken) = measured(|| table.counting(64, None));
    let more = table.memory() - reported;
    assert!(0 < more && more <= taken && taken < 2 * more, "{more} of {taken}");
}

#[test]
fn plans_report_their_memory_while_being_built() {
    let (plans, taken) = measured(|| {
        let mut plans = Plans::default();
        let pools: Vec<_> = (0..200).map(|number| plans.id(Plan::Pool(PoolId(number)))).collect();
        for first in 0..100 {
            plans.failover(&pools[first..first + 100]);
        }
        plans
    });
    let reported = plans.memory();
    assert!(reported <= taken && taken < reported + reported / 2, "{reported} of {taken}");
}

/// As many regions as services, and each service has a geo policy for its own region; compiled within a budget. Each
/// region has these additional matchers.
fn compiled(budget: &mut Budget, services: usize, matchers: &[String]) -> Compiled {
    let mut text = "zones.\"example.com\".file = \"zone\"\n[pools]\na.endpoints.x.address = \"192.0.2.1\"\n\
                    b.endpoints.x.address = \"192.0.2.2\"\n"
        .to_owned();
    for number in 0..services {
        let own = format!("\"prefix:192.0.{number}.0/24\"");
        let all: Vec<String> = std::iter::once(own).chain(matchers.iter().map(|it| format!("\"{it}\""))).collect();
        text += &format!("[regions.r{number}]\nmatch = [{}]\n", all.join(", "));
        text += &format!("[services.\"s{number}.example.com\"]\n");
        text += &format!("policy = {{ geo = {{ r{number} = \"a\", default = \"b\" }} }}\n");
    }
    let mut load = |_: &str, _: &str| Ok(("zone".into(), ZONE.as_bytes().to_vec()));
    let reading = gslb_core::site::document::read("site.toml", &text, &mut load);
    let site = reading.site.unwrap_or_else(|| panic!("{:?}", reading.problems));
    compile_within(budget, site, &*WORLD, &Default::default(), None)
}

/// Octets charged for compiling, as reported by the table, without its catalog.
fn charged(services: usize, matchers: &[String]) -> (usize, usize) {
    let mut budget = Budget::UNLIMITED;
    let topology = compiled(&mut budget, services, matchers).topology.unwrap();
    (usize::MAX - budget.left(), topology.building_memory() - topology.catalog.building_memory())
}

#[test]
fn a_document_is_refused_if_the_budget_is_one_octet_short() {
    let services = 20;
    let (needed, reported) = charged(services, &[]);
    assert!(reported <= needed && needed - reported < 64 * services, "{reported} of {needed}");
    assert!(compiled(&mut Budget::of(needed), services, &[]).topology.is_some());
    let refused = compiled(&mut Budget::of(needed - 1), services, &[]);
    assert!(refused.topology.is_none());
    let [problem] = &refused.problems[..] else { panic!("{:?}", refused.problems) };
    assert!(problem.message.contains("of memory"), "{problem}");
    let early = compiled(&mut Budget::of(needed / 2), services, &[]);
    let problem = early.problems.last().unwrap();
    assert!(
        problem.path.to_string().starts_with("services.\"s") && problem.path.to_string().ends_with(".policy"),
        "{problem}"
    );
}

#[test]
fn matchers_and_prefixes_are_charged_for_each_policy_that_uses_them() {
    let services = 5;
    let (plain, _) = charged(services, &[]);
    let numbers = 1..=1_000;
    // Adjacent prefixes form one interval, so the columns hardly grow.
    let prefixes: Vec<String> = numbers.clone().map(|at| format!("prefix:10.0.{}.{}/32", at >> 8, at & 0xFF)).collect();
    let (with_prefixes, _) = charged(services, &prefixes);
    assert!(with_prefixes - plain > services * 1_000 * 32, "{plain} and {with_prefixes}");
    let systems: Vec<String> = numbers.map(|at| format!("asn:{}", 64_512 + at)).collect();
    let (with_systems, _) = charged(services, &systems);
    assert!(with_systems - plain >= services * 1_000 * 64, "{plain} and {with_systems}");
}
