//! Paths as Windows notes them, with a drive, a device, a volume or a known folder in front, turned into paths from the root
//! of the volume; and the program in a command line.

use std::borrow::Cow;

/// Known folders by their GUID, as `winreg` and `UserAssist` write them (KnownFolders.h). Those that begin with `~` are the
/// user's.
const KNOWN_FOLDERS: [(&str, &str); 22] = [
    ("{0139D44E-6AFE-49F2-8690-3DAFCAE6FFB8}", "/ProgramData/Microsoft/Windows/Start Menu/Programs"),
    ("{1AC14E77-02E7-4E5D-B744-2EB1AE5198B7}", "/Windows/System32"),
    ("{374DE290-123F-4565-9164-39C4925E467B}", "~/Downloads"),
    ("{3EB685DB-65F9-4CF6-A03A-E3EF65729F3D}", "~/AppData/Roaming"),
    ("{5CD7AEE2-2219-4A67-B85D-6C9CE15660CB}", "~/AppData/Local/Programs"),
    ("{625B53C3-AB48-4EC1-BA1F-A1EF4146FC19}", "~/AppData/Roaming/Microsoft/Windows/Start Menu"),
    ("{62AB5D82-FDC1-4DC3-A9DD-070D1D495D97}", "/ProgramData"),
    ("{6365D5A7-0F0D-45E5-87F6-0DA56B6A4F7D}", "/Program Files/Common Files"),
    ("{6D809377-6AF0-444B-8957-A3773F02200E}", "/Program Files"),
    ("{7C5A40EF-A0FB-4BFC-874A-C0F2E0B9FA8E}", "/Program Files (x86)"),
    ("{905E63B6-C1BF-494E-B29C-65B732D3D21A}", "/Program Files"),
    (
        "{9E3995AB-1F9C-4F13-B827-48B24B6C7174}",
        "~/AppData/Roaming/Microsoft/Internet Explorer/Quick Launch/User Pinned",
    ),
    ("{A4115719-D62E-491D-AA7C-E74B8BE3B067}", "/ProgramData/Microsoft/Windows/Start Menu"),
    ("{A77F5D77-2E2B-44C3-A6A2-ABA601054A51}", "~/AppData/Roaming/Microsoft/Windows/Start Menu/Programs"),
    ("{B4BFCC3A-DB2C-424C-B029-7FE99A87C641}", "~/Desktop"),
    ("{C4AA340D-F20F-4863-AFEF-F87EF2E6BA25}", "/Users/Public/Desktop"),
    ("{D65231B0-B2F1-4857-A4CE-A8E7C6EA7D27}", "/Windows/SysWOW64"),
    ("{DE974D24-D9C6-4D3E-BF91-F4455120B917}", "/Program Files (x86)/Common Files"),
    ("{DFDF76A2-C82A-4D63-906A-5644AC457385}", "/Users/Public"),
    ("{F1B32785-6FBA-4FCF-9D55-7B8E7F157091}", "~/AppData/Local"),
    ("{F38BF404-1D43-42F2-9305-67DE0B28FC23}", "/Windows"),
    ("{F7F1ED05-9F6D-47A2-AAAE-29D317C6F066}", "/Program Files/Common Files"),
];

/// The same by variables of the environment, and by what the kernel and the loader write.
const VARIABLES: [(&str, &str); 16] = [
    ("%ProgramFiles%", "/Program Files"),
    ("%ProgramFiles(x86)%", "/Program Files (x86)"),
    ("%ProgramW6432%", "/Program Files"),
    ("%CommonProgramFiles%", "/Program Files/Common Files"),
    ("%CommonProgramFiles(x86)%", "/Program Files (x86)/Common Files"),
    ("%ProgramData%", "/ProgramData"),
    ("%AllUsersProfile%", "/ProgramData"),
    ("%SystemRoot%", "/Windows"),
    ("%windir%", "/Windows"),
    ("%SystemDrive%", ""),
    ("%UserProfile%", "~"),
    ("%AppData%", "~/AppData/Roaming"),
    ("%LocalAppData%", "~/AppData/Local"),
    ("%TEMP%", "~/AppData/Local/Temp"),
    ("%Public%", "/Users/Public"),
    ("SYSVOL", ""),
];

/// The path from the root of the volume, with slashes, or none where the text is no whole path. `home` is the path of the
/// user's folder, empty where no user is known.
pub(crate) fn placed(text: &str, home: &str) -> Option<String> {
    let slashed = text.trim().trim_matches('"').replace('\\', "/");
    let path = ["/??/", "//?/", "//./"].iter().find_map(|prefix| slashed.strip_prefix(prefix)).unwrap_or(&slashed);
    let (first, rest) = path.split_once('/')?;
    let named = KNOWN_FOLDERS.iter().chain(&VARIABLES).find(|(name, _)| first.eq_ignore_ascii_case(name));
    let below = |folder: &str| format!("{folder}/{rest}");
    if let Some((_, folder)) = named {
        return match folder.strip_prefix('~') {
            Some(_) if home.is_empty() => None,
            Some(tail) => Some(below(&format!("{home}{tail}"))),
            None => Some(below(folder)),
        };
    }
    let drive = first.len() == 2 && first.ends_with(':') && first.starts_with(|one: char| one.is_ascii_alphabetic());
    let volume = first.get(..7).is_some_and(|start| start.eq_ignore_ascii_case("volume{"));
    if drive || volume || first.eq_ignore_ascii_case("UNC") {
        return Some(below(""));
    }
    // What begins with a slash: a device of the kernel's, a volume, the folder of the system, another machine.
    let rest = first.is_empty().then(|| rest.trim_start_matches('/'))?;
    let (first, below) = rest.split_once('/')?;
    if first.eq_ignore_ascii_case("SystemRoot") {
        return Some(format!("/Windows/{below}"));
    }
    if first.eq_ignore_ascii_case("Device") {
        return below.split_once('/').map(|(_, path)| format!("/{path}"));
    }
    let volume = first.get(..7).is_some_and(|start| start.eq_ignore_ascii_case("volume{"));
    Some(if volume { format!("/{below}") } else { format!("/{rest}") })
}

/// The last part of a path, whichever way its parts are divided.
pub(crate) fn name_of(path: &str) -> &str {
    path.rsplit(['\\', '/']).next().unwrap_or_default().trim_end_matches('"')
}

/// Endings of what Windows starts.
const ENDINGS: [&str; 11] = ["exe", "com", "scr", "bat", "cmd", "dll", "cpl", "msc", "vbs", "js", "ps1"];

/// The program that a command line starts: in quotes, or up to its ending, since paths may hold spaces; and where that only
/// loads others, the library it is to load.
pub(crate) fn programs(command: &str) -> Vec<&str> {
    let (program, rest) = first(command);
    let loads = ["rundll32.exe", "rundll32", "regsvr32.exe", "regsvr32"];
    let library = loads.iter().any(|name| name_of(program).eq_ignore_ascii_case(name)).then(|| {
        let options = |word: &&str| word.starts_with(['/', '-']);
        let rest = rest.trim_start();
        let skipped: usize = rest.split_inclusive(' ').take_while(options).map(str::len).sum();
        first(rest.get(skipped..).unwrap_or_default()).0
    });
    [Some(program), library].into_iter().flatten().filter(|program| !program.is_empty()).collect()
}

/// The first program of a command line, and the rest of it.
fn first(command: &str) -> (&str, &str) {
    let command = command.trim_start();
    if let Some(quoted) = command.strip_prefix('"') {
        return quoted.split_once('"').unwrap_or((quoted, ""));
    }
    // A name without its folder holds no spaces.
    let word = command.find(' ').unwrap_or(command.len());
    let bare = command.get(..word).is_some_and(|word| !word.contains(['\\', '/', ':']));
    let whole = command.match_indices('.').find_map(|(at, _)| {
        let after = command.get(at + 1..)?;
        // No ending is longer than three letters.
        let stop = after.bytes().take(4).position(|byte| b" \",\t".contains(&byte));
        let ending = after.get(..stop.unwrap_or(after.len().min(4)))?;
        ENDINGS.iter().any(|known| ending.eq_ignore_ascii_case(known)).then_some(at + 1 + ending.len())
    });
    let end = whole.filter(|_| !bare).unwrap_or(word);
    command.split_at_checked(end).unwrap_or((command, ""))
}

/// The family of a packaged app (MSIX), from the name of the family, of one package of it, or of an app in it: the name and
/// the publisher's letters behind it.
pub(crate) fn family(name: &str) -> Option<Cow<'_, str>> {
    let package = name.split('!').next().unwrap_or_default();
    let (first, after) = package.split_once('_')?;
    let publisher = package.rsplit('_').next()?;
    let fits = publisher.len() == 13 && publisher.bytes().all(|one| one.is_ascii_lowercase() || one.is_ascii_digit());
    let named = first.contains(|one: char| one.is_ascii_alphanumeric()) && !first.contains(['\\', '/', ' ']);
    if !fits || !named {
        return None;
    }
    // Between the two stand version, processor and resource.
    match after.matches('_').count() {
        0 => Some(Cow::Borrowed(package)),
        3 => Some(Cow::Owned(format!("{first}_{publisher}"))),
        _ => None,
    }
}

/// A Windows time (100 nanoseconds since 1601) as RFC 3339; none for 0, which means never.
pub(crate) fn time(ticks: u64) -> Option<String> {
    const TO_1970: i64 = 11_644_473_600;
    let seconds = i64::try_from(ticks / 10_000_000).ok().filter(|seconds| *seconds > 0)?;
    jiff::Timestamp::from_second(seconds.checked_sub(TO_1970)?).ok().map(|time| time.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_begin_at_the_root_of_their_volume() {
        let home = "/Users/ada";
        for (text, path) in [
            (r"C:\Program Files\X\y.exe", "/Program Files/X/y.exe"),
            (r"\??\D:\x.exe", "/x.exe"),
            (r"\\?\C:\x.exe", "/x.exe"),
            (r"\Device\HarddiskVolume3\Program Files\y.exe", "/Program Files/y.exe"),
            (r"\Device\Mup\server\share\y.exe", "/server/share/y.exe"),
            (r"\\server\share\y.exe", "/server/share/y.exe"),
            (r"\\?\UNC\server\share\y.exe", "/server/share/y.exe"),
            (r"\VOLUME{01d8b2f0a1b2c3d4-12345678}\WINDOWS\NOTEPAD.EXE", "/WINDOWS/NOTEPAD.EXE"),
            (r"\\?\Volume{26a21bda-a627-11d7-9931-806e6f6e6963}\x.exe", "/x.exe"),
            (r"{6D809377-6AF0-444B-8957-A3773F02200E}\X\y.exe", "/Program Files/X/y.exe"),
            (r"{374DE290-123F-4565-9164-39C4925E467B}\y.exe", "/Users/ada/Downloads/y.exe"),
            (r"%ProgramFiles%\X\y.exe", "/Program Files/X/y.exe"),
            (r"\SystemRoot\System32\drivers\k.sys", "/Windows/System32/drivers/k.sys"),
            (r"SYSVOL\Windows\x.exe", "/Windows/x.exe"),
            ("c:/windows/system32/drivers/k.sys", "/windows/system32/drivers/k.sys"),
        ] {
            assert_eq!(placed(text, home).as_deref(), Some(path), "{text}");
        }
        for text in
            ["", "notepad.exe", r"system32\drivers\k.sys", "Microsoft.Windows.Explorer", r"\", r"C:", "\\\u{e9}"]
        {
            assert_eq!(placed(text, home), None, "{text}");
        }
        assert_eq!(placed(r"{374DE290-123F-4565-9164-39C4925E467B}\y.exe", ""), None);
    }

    #[test]
    fn a_command_line_has_its_program() {
        assert_eq!(programs(r#""C:\A B\c.exe" -s"#), [r"C:\A B\c.exe"]);
        assert_eq!(programs(r"C:\A B\c.exe /x.exe"), [r"C:\A B\c.exe"]);
        assert_eq!(programs(r"C:\v1.2 x\c.EXE"), [r"C:\v1.2 x\c.EXE"]);
        assert_eq!(programs("tool -x"), ["tool"]);
        assert_eq!(programs(r#"rundll32.exe "C:\A B\l.dll",Start"#), ["rundll32.exe", r"C:\A B\l.dll"]);
        assert_eq!(programs(r"regsvr32 /s /n C:\A B\l.dll"), ["regsvr32", r"C:\A B\l.dll"]);
        assert_eq!(programs(r#""C:\unended"#), [r"C:\unended"]);
        assert!(programs("").is_empty());
    }

    #[test]
    fn a_family_is_a_name_and_its_publisher() {
        let family = |name| family(name).map(Cow::into_owned);
        let wanted = Some("Contoso.App_h5k2m9q8r7t6w".to_owned());
        assert_eq!(family("Contoso.App_h5k2m9q8r7t6w"), wanted);
        assert_eq!(family("Contoso.App_1.2.3.4_x64__h5k2m9q8r7t6w"), wanted);
        assert_eq!(family("Contoso.App_1.2.3.4_neutral_split.language-de_h5k2m9q8r7t6w"), wanted);
        assert_eq!(family("Contoso.App_h5k2m9q8r7t6w!App"), wanted);
        for name in ["Contoso.App", "_h5k2m9q8r7t6w", "a_b", r"C:\x_h5k2m9q8r7t6w", "App_1.0_h5k2m9q8r7t6w"] {
            assert_eq!(family(name), None, "{name}");
        }
    }

    #[test]
    fn times_are_told_in_utc() {
        assert_eq!(time(133_485_408_000_000_000).as_deref(), Some("2024-01-01T00:00:00Z"));
        assert_eq!(time(0), None);
        assert_eq!(time(u64::MAX), None);
    }
}
