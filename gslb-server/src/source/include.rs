//! Reads the files of a document: the main file, its includes, and the zone files beside them.
//!
//! Includes must be in the document's folder or below, without `..` or links that lead out: an author of part of a
//! document must not be able to read files that only the server may read.

use std::io;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use gslb_core::problem::FileError;
use gslb_core::site::document::{Included, MAX_FILES};
use gslb_core::site::pattern::glob;

use crate::files::reader::{self, Kind};
use crate::files::watch::SourceFile;
use crate::source::error::SiteError;

/// Most entries of a folder.
const MAX_ENTRIES: usize = 10_000;
/// Most octets of all files of a document.
const MAX_OCTETS: usize = 64 << 20;

/// The files of a document, and what to watch for changes.
pub struct Parts {
    /// The main file.
    pub first: Included,
    /// Files and folders that were read, each with its state just before that.
    pub files: Vec<SourceFile>,
    /// The document's folder, which includes must not leave.
    root: PathBuf,
    octets: usize,
}

/// Reads the file of a document.
///
/// # Errors
/// [`SiteError::Unreadable`].
pub fn read_document(path: &Path) -> Result<String, SiteError> {
    reader::read_text(path, Kind::Document).map_err(|cause| SiteError::Unreadable { path: path.to_owned(), cause })
}

/// Reads the zone file `name`, referenced in the file `from`, and adds it to `files`.
///
/// # Errors
/// Why not, as a message.
pub fn zone_file(name: &str, from: &str, files: &mut Vec<SourceFile>) -> Result<(Arc<str>, Vec<u8>), FileError> {
    let path = Path::new(from).parent().unwrap_or(Path::new("")).join(name);
    files.push(SourceFile::before_reading(&path));
    let octets = reader::read(&path, Kind::Zone).map_err(|cause| failed("read", &path, &cause))?;
    Ok((Arc::from(path.to_string_lossy()), octets))
}

impl Parts {
    /// Reads the file at `path`.
    ///
    /// # Errors
    /// [`SiteError::Unreadable`].
    pub fn open(path: &Path) -> Result<Self, SiteError> {
        let files = vec![SourceFile::before_reading(path)];
        let text = read_document(path)?;
        let folder = Some(folder_of(path)).filter(|folder| !folder.as_os_str().is_empty());
        let root = canonical(folder.unwrap_or(Path::new("."))).unwrap_or_else(|_| folder_of(path).to_owned());
        let id = canonical(path).unwrap_or_else(|_| path.to_owned());
        let octets = text.len();
        let first =
            Included { name: path.to_string_lossy().into(), id: id.to_string_lossy().into(), text: text.into() };
        Ok(Self { first, files, root, octets })
    }

    /// Reads the files that match `pattern` in the file `from`, in order of their names; see
    /// [`Includer`](gslb_core::site::document::Includer).
    ///
    /// # Errors
    /// Why not, as a message.
    pub fn include(&mut self, pattern: &str, from: &str) -> Result<Vec<Included>, FileError> {
        let from = Path::new(from);
        let parts = names(pattern)?;
        let mut found = vec![folder_of(from).to_owned()];
        let mut is_pattern = false;
        for (at, part) in parts.iter().enumerate() {
            let is_last = at + 1 == parts.len();
            if part.contains(['*', '?']) {
                is_pattern = true;
                let mut next = Vec::new();
                for folder in &found {
                    next.extend(self.matching(folder, part, is_last)?);
                }
                found = next;
            } else {
                found.iter_mut().for_each(|path| path.push(part));
            }
            if found.len() > MAX_FILES {
                return Err(format!("it matches more than {MAX_FILES} files").into());
            }
        }
        if is_pattern {
            // The including file is already read. With a pattern, a missing file in one folder is not an error.
            let own = canonical(from).ok();
            found.retain(|path| canonical(path).is_ok_and(|path| Some(path) != own));
        }
        found.iter().map(|path| self.read(path)).collect()
    }

    /// The entries of `folder` that match `pattern`, in order of their names: files where `of_files`, else folders.
    fn matching(&mut self, folder: &Path, pattern: &str, of_files: bool) -> Result<Vec<PathBuf>, FileError> {
        let searched = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        // New files are detected by a change of their folder.
        self.files.push(SourceFile::before_reading(searched));
        if is_missing(searched) {
            return Ok(Vec::new());
        }
        self.within(searched)?;
        let (owned, hidden) = (searched.to_owned(), pattern.starts_with('.'));
        let listed = reader::guarded(searched, move |_| {
            let mut names = Vec::new();
            for entry in std::fs::read_dir(&owned)?.take(MAX_ENTRIES + 1) {
                let entry = entry?;
                // Links are followed.
                let found = std::fs::metadata(entry.path());
                if found.is_ok_and(|found| if of_files { !found.is_dir() } else { found.is_dir() }) {
                    names.extend(entry.file_name().into_string());
                }
            }
            Ok::<_, io::Error>(names)
        });
        let unread = |cause: io::Error| failed("list", searched, &cause);
        let mut names = listed.map_err(unread)?.map_err(unread)?;
        if names.len() > MAX_ENTRIES {
            return Err(format!("{} has more than {MAX_ENTRIES} entries", searched.display()).into());
        }
        names.retain(|name| glob(pattern, name) && (hidden || !name.starts_with('.')));
        names.sort();
        Ok(names.into_iter().map(|name| folder.join(name)).collect())
    }

    fn read(&mut self, path: &Path) -> Result<Included, FileError> {
        self.files.push(SourceFile::before_reading(path));
        let id = self.within(path)?;
        let text = reader::read_text(path, Kind::Document).map_err(|cause| failed("read", path, &cause))?;
        self.octets += text.len();
        if self.octets > MAX_OCTETS {
            return Err(format!("the files of the document have more than {MAX_OCTETS} octets together").into());
        }
        Ok(Included { name: path.to_string_lossy().into(), id: id.to_string_lossy().into(), text: text.into() })
    }

    /// The resolved `path`, which must be in the document's folder.
    fn within(&self, path: &Path) -> Result<PathBuf, FileError> {
        let real = canonical(path).map_err(|cause| failed("read", path, &cause))?;
        if real.starts_with(&self.root) {
            return Ok(real);
        }
        Err(format!("{} leads out of the document's folder", path.display()).into())
    }
}

/// The components of `pattern`.
fn names(pattern: &str) -> Result<Vec<&str>, String> {
    let mut names = Vec::new();
    for component in Path::new(pattern).components() {
        match component {
            Component::Normal(name) => names.extend(name.to_str()),
            Component::CurDir => {}
            Component::ParentDir => return Err("`..` leads out of the document's folder".to_owned()),
            Component::RootDir | Component::Prefix(_) => {
                return Err("the path must be relative to the including file".to_owned());
            }
        }
    }
    match names.last() {
        None => Err("it names no file".to_owned()),
        Some(_) if pattern.ends_with('/') => Err("it names a folder; write \"folder/*.toml\" for its files".to_owned()),
        Some(_) if names.iter().any(|name| name.contains("**")) => {
            Err("`**` is not supported; write a pattern for each level of folders".to_owned())
        }
        Some(_) => Ok(names),
    }
}

/// Why the file or folder at `path` cannot be used.
fn failed(action: &str, path: &Path, cause: &io::Error) -> FileError {
    let message = format!("cannot {action} {}: {cause}", path.display());
    FileError { message, is_transient: cause.kind() == io::ErrorKind::TimedOut }
}

fn folder_of(path: &Path) -> &Path {
    path.parent().unwrap_or(Path::new(""))
}

/// Whether nothing exists at `path`. With a pattern, a folder may be created later, as `conf.d` is by packages.
fn is_missing(path: &Path) -> bool {
    canonical(path).is_err_and(|cause| cause.kind() == io::ErrorKind::NotFound)
}

/// `path` with all links resolved.
fn canonical(path: &Path) -> std::io::Result<PathBuf> {
    let owned = path.to_owned();
    reader::guarded(path, move |_| owned.canonicalize())?
}

#[cfg(test)]
mod tests {
    use super::*;
    use gslb_core::site::document;

    const ZONE: &str = "$TTL 1h\n@ IN SOA ns1 h 1 2h 15m 4w 5m\n IN NS ns1\nns1 IN A 192.0.2.53\n";

    struct Site(tempfile::TempDir);

    impl Site {
        fn new(files: &[(&str, &str)]) -> Self {
            let site = Self(tempfile::tempdir().unwrap());
            files.iter().for_each(|(name, text)| site.write(name, text));
            site
        }

        fn write(&self, name: &str, text: &str) {
            let path = self.path(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }

        fn path(&self, name: &str) -> PathBuf {
            self.0.path().join("site").join(name)
        }

        /// The names of the pools, or all errors.
        fn pools(&self) -> Result<Vec<String>, String> {
            let candidate = crate::source::candidate::read(&self.path("site.toml"))
                .map_err(|error| error.to_string().replace(&*self.path("").to_string_lossy(), ""))?;
            let document = candidate.document.to_value();
            let pools = document["pools"].as_object().into_iter().flatten();
            assert!(document.get("include").is_none());
            Ok(pools.map(|(name, _)| name.clone()).collect())
        }
    }

    fn pool(name: &str, last: u8) -> String {
        format!("[pools.{name}]\nendpoints.a = {{ address = \"192.0.2.{last}\" }}\n")
    }

    #[test]
    fn files_are_included_in_the_order_of_their_names() {
        let head = "include = [\"pools/*.toml\", \"zones/all.toml\", \"pools/b?.toml\"]\n[pools.first]\nendpoints.a = { address = \"192.0.2.1\" }\n";
        let site = Site::new(&[
            ("site.toml", head),
            ("pools/b1.toml", &pool("b1", 3)),
            ("pools/a.toml", &format!("include = [\"more/x.toml\"]\n{}", pool("a", 2))),
            ("pools/more/x.toml", &pool("x", 4)),
            ("pools/.hidden.toml", &pool("hidden", 5)),
            ("pools/notes.txt", "no toml"),
            ("zones/all.toml", "[zones.\"example.com\"]\nfile = \"example.com.zone\"\n"),
            ("zones/example.com.zone", ZONE),
        ]);
        assert_eq!(site.pools().unwrap(), ["first", "a", "x", "b1"]);
        let candidate = crate::source::candidate::read(&site.path("site.toml")).unwrap();
        assert_eq!(
            candidate.document.to_value()["zones"]["example.com"]["records"],
            ZONE,
            "beside the file that names it"
        );
        let text = candidate.text.unwrap();
        assert_eq!(
            document::to_json("text", &text, &mut { gslb_core::budget::Budget::UNLIMITED }).unwrap(),
            candidate.document.to_value()
        );
    }

    #[test]
    fn errors_name_their_file() {
        let site = Site::new(&[
            ("site.toml", &format!("include = [\"pools/*.toml\"]\n{}", pool("fra", 1))),
            ("pools/a.toml", &format!("{}\n[pools.fra]\nendpoints.b = {{ address = \"192.0.2.9\" }}\n", pool("a", 2))),
            ("pools/b.toml", "[pools.b]\nendpoints.b = { adress = \"192.0.2.9\" }\n[safety]\nfrozn = []\n"),
        ]);
        let errors = site.pools().unwrap_err();
        for expected in [
            "pools/a.toml:4:8: error: pools.fra: `pools.fra` is written twice: here and at site.toml:2:8",
            "pools/b.toml:2:17: error: pools.b.endpoints.b.adress: unknown key `adress`",
            "pools/b.toml:4:1: error: safety.frozn: unknown key `frozn`",
        ] {
            assert!(errors.contains(expected), "{errors}");
        }
        site.write("pools/b.toml", "[pools.b\n");
        let errors = site.pools().unwrap_err();
        assert!(errors.contains("pools/b.toml:1:"), "{errors}");
    }

    #[test]
    fn cycles_and_paths_out_of_the_folder_are_refused() {
        let site = Site::new(&[("a.toml", "include = [\"b.toml\"]\n"), ("b.toml", "include = [\"site.toml\"]\n")]);
        std::fs::write(site.0.path().join("secret.toml"), pool("secret", 1)).unwrap();
        std::os::unix::fs::symlink("../secret.toml", site.path("link.toml")).unwrap();
        std::os::unix::fs::symlink("..", site.path("up")).unwrap();
        for (include, expected) in [
            ("[\"a.toml\"]", "b.toml:1:12: error: include: site.toml includes itself"),
            ("[\"site.toml\"]", "site.toml includes itself"),
            ("[\"../secret.toml\"]", "`..` leads out of the document's folder"),
            ("[\"/etc/passwd\"]", "the path must be relative"),
            ("[\"link.toml\"]", "link.toml leads out of the document's folder"),
            ("[\"l*.toml\"]", "link.toml leads out of the document's folder"),
            ("[\"up/*.toml\"]", "up leads out of the document's folder"),
            ("[\"*/secret.toml\"]", "leads out of the document's folder"),
            ("[\"none.toml\"]", "cannot read none.toml: No such file"),
            ("[\"**/x.toml\"]", "`**` is not supported"),
            ("[\"\"]", "it names no file"),
            ("[7]", "expected the name of a file"),
            ("\"a.toml\"", "expected a list of files"),
        ] {
            site.write("site.toml", &format!("include = {include}\n"));
            let errors = site.pools().unwrap_err();
            assert!(errors.contains(expected), "{include}: {errors}");
            assert!(!errors.contains("192.0.2.1"), "{errors}");
        }
        site.write("site.toml", "include = [\"conf.d/*.toml\"]\n");
        assert_eq!(site.pools().unwrap(), Vec::<String>::new(), "a folder that does not exist yet is a warning");
        std::fs::create_dir(site.path("conf.d")).unwrap();
        assert_eq!(site.pools().unwrap(), Vec::<String>::new(), "an empty folder is a warning");
    }

    #[test]
    fn all_files_together_take_no_more_memory_than_a_document_may() {
        let zone = "[zones.\"example.com\"]\nfile = \"zone\"\n";
        let generated = format!("{ZONE}$GENERATE 1-1048576 h$ A 192.0.2.1\n");
        let included = format!("{ZONE}{}", "$INCLUDE more\n".repeat(1_000));
        let more: String = (0..1_000).map(|number| format!("h{number} A 192.0.2.1\n")).collect();
        let zones: String = (0..150).map(|number| format!("[zones.\"{number}.example\"]\nfile = \"zone\"\n")).collect();
        let comments = format!("{ZONE}{}", "; nothing but a comment\n".repeat(40_000));
        let json = format!("{{\"a\":[{}1]}}", "1,".repeat(3_000_000));
        let keys =
            |part: usize| (0..10_000).map(|number| format!("x{part}-{number}.a.b.c.d.e.f.g = 1\n")).collect::<String>();
        let parts: Vec<(String, String)> = (0..20).map(|part| (format!("part-{part:02}.toml"), keys(part))).collect();
        let include = "include = [\"part-*.toml\"]\n";
        let mut several = vec![("site.toml", include)];
        several.extend(parts.iter().map(|(name, text)| (&**name, &**text)));
        type Case<'c> = (&'c [(&'c str, &'c str)], &'c str, &'c str);
        let all: [Case<'_>; 5] = [
            (&[("site.toml", zone), ("zone", &generated)], "site.toml:2:8", "MiB of memory"),
            (&[("site.toml", zone), ("zone", &included), ("more", &more)], "site.toml:2:8", "MiB of memory"),
            (&[("site.toml", &zones), ("zone", &comments)], "site.toml:", "read again and again take more memory"),
            (&several, "part-", "up to here the document takes more than the limit of 192 MiB"),
            (&[("site.json", &json)], "line 1 column", "MiB of memory"),
        ];
        for (files, place, message) in all {
            let site = Site::new(files);
            let wrong = crate::source::candidate::read(&site.path(files[0].0)).unwrap_err().to_string();
            assert!(wrong.contains(place) && wrong.contains(message), "{wrong:.500}");
        }
        // What is written out may be long.
        let long: String = (0..600_000).map(|number| format!("h{number} A 192.0.2.1\n")).collect();
        let site = Site::new(&[("site.toml", zone), ("zone", &format!("{ZONE}{long}"))]);
        assert_eq!(crate::source::candidate::read(&site.path("site.toml")).unwrap().site.zones.len(), 1);
    }

    #[test]
    fn all_files_and_folders_are_watched() {
        let site = Site::new(&[("site.toml", "include = [\"pools/*.toml\"]\n"), ("pools/a.toml", &pool("a", 1))]);
        let mut files = Vec::new();
        crate::source::candidate::read_noting(&site.path("site.toml"), &mut files).unwrap();
        let paths: Vec<&Path> = files.iter().map(SourceFile::path).collect();
        for name in ["site.toml", "pools", "pools/a.toml"] {
            assert!(paths.contains(&&*site.path(name)), "{name}: {paths:?}");
        }
    }
}
