//! The report: all measurements, each run in separate processes, and their medians as Markdown.

use std::error::Error;
use std::fmt::Write;
use std::path::Path;
use std::process::Command;

use super::figures::{Row, Unit, medians};
use super::{city, locations, lookup, prefixes, zones};

/// How often each measurement is made.
const RUNS: usize = 3;

/// A table of the report.
struct Section {
    title: &'static str,
    /// The labels of the rows.
    label: &'static str,
    columns: &'static [(&'static str, Unit)],
    /// Arguments of each child process that gives rows.
    parts: &'static [&'static [&'static str]],
}

const SECTIONS: [Section; 5] = [
    Section {
        title: "Static names: one zone of A records, from the texts to a table",
        label: "names",
        columns: &zones::COLUMNS,
        parts: &[&["zone", "1000"], &["zone", "100000"], &["zone", "1000000"]],
    },
    Section {
        title: "Look-ups: an answer to a name taken uniformly from all that there are",
        label: "names",
        columns: &lookup::COLUMNS,
        parts: &[&["lookup", "1000", "100000", "1000000"]],
    },
    Section {
        title: "Operator prefixes: from the document's text to a table",
        label: "prefixes",
        columns: &prefixes::COLUMNS,
        parts: &[&["prefixes", "1000"], &["prefixes", "100000"], &["prefixes", "1000000"]],
    },
    Section {
        title: "A database of cities: 5,000,000 networks, 200,000 places",
        label: "database",
        columns: &city::COLUMNS,
        parts: &[&["city", "FILE"]],
    },
    Section {
        title: "A policy recomputed over that database",
        label: "policy",
        columns: &locations::COLUMNS,
        parts: &[&["policies", "FILE"]],
    },
];

/// Makes the measurement that the arguments name, in this process, and prints its rows.
///
/// # Errors
/// If the arguments name no measurement, or a file cannot be read or written.
pub fn measure(arguments: &[String]) -> Result<(), Box<dyn Error>> {
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let rows = match arguments[..] {
        ["zone", names] => vec![zones::measure(names.parse()?)],
        ["zone-file", names] => {
            print!("{}", super::documents::zone(names.parse()?));
            return Ok(());
        }
        ["lookup"] => lookup::measure(&lookup::SIZES),
        ["lookup", ref sizes @ ..] => {
            lookup::measure(&sizes.iter().map(|size| size.parse()).collect::<Result<Vec<_>, _>>()?)
        }
        ["prefixes", prefixes] => vec![prefixes::measure(prefixes.parse()?)],
        ["city-file", file] => return Ok(std::fs::write(file, city::file())?),
        ["city", file] => vec![city::measure(file)?],
        ["policies", file] => locations::measure(file)?,
        _ => {
            return Err("usage: growth [zone N | zone-file N | lookup [N...] | prefixes N | city-file FILE | \
                         city FILE | policies FILE]"
                .into());
        }
    };
    rows.iter().for_each(|row| println!("{}", row.line()));
    Ok(())
}

/// All measurements as a piece of Markdown.
///
/// # Errors
/// If a child process fails, or the database file cannot be written.
pub fn report() -> Result<String, Box<dyn Error>> {
    let folder = std::env::temp_dir().join(format!("gslb-growth-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let text = sections(&folder.join("city.mmdb"));
    std::fs::remove_dir_all(&folder)?;
    text
}

fn sections(database: &Path) -> Result<String, Box<dyn Error>> {
    let database = database.display().to_string();
    child(&["city-file", &database])?;
    let mut text = format!("Medians of {RUNS} runs, each in a process of its own; time is time on a processor.\n");
    for section in &SECTIONS {
        let _ = write!(text, "\n### {}\n\n| {} |", section.title, section.label);
        section.columns.iter().for_each(|(title, _)| _ = write!(text, " {title} |"));
        let _ = write!(text, "\n|---|{}\n", "---:|".repeat(section.columns.len()));
        let units: Vec<Unit> = section.columns.iter().map(|&(_, unit)| unit).collect();
        for part in section.parts {
            let arguments: Vec<&str> =
                part.iter().map(|&argument| if argument == "FILE" { &*database } else { argument }).collect();
            let runs = (0..RUNS).map(|_| child(&arguments)).collect::<Result<Vec<_>, _>>()?;
            medians(&runs).iter().for_each(|row| _ = writeln!(text, "{}", row.markdown(&units)));
        }
    }
    Ok(text)
}

/// Runs one measurement in a separate process, to measure its memory.
fn child(arguments: &[&str]) -> Result<Vec<Row>, Box<dyn Error>> {
    let output = Command::new(std::env::current_exe()?).args(arguments).output()?;
    if !output.status.success() {
        return Err(format!("growth {}: {}", arguments.join(" "), String::from_utf8_lossy(&output.stderr)).into());
    }
    Ok(String::from_utf8(output.stdout)?.lines().filter_map(Row::parse).collect())
}
