//! Names refused by a name server (a response policy zone) or by the machine itself (a hosts file).

use crate::block::names::Names;
use crate::block::select::{Input, Left};
use crate::block::text::{Comment, Draft};
use jiff::civil::Date;

/// What refused names break, whoever refuses them.
pub(super) fn breaks(input: Input<'_>) -> Vec<String> {
    let (count, first) = input.embedding();
    let mut list = vec![
        "The removal needs nothing from the vendor's servers. What does not work any more: updates and cloud \
         look-ups of products that are still installed, their activation, the return of their licences, and the \
         download of the vendor's removal tools. Fetch those before, if they are wanted."
            .to_owned(),
        "Names are refused, not addresses: what has an address already, or asks another name server, still gets \
         through. Names that lie on a content network share their addresses with others, who are not touched."
            .to_owned(),
    ];
    if count > 0 {
        list.push(format!(
            "Products of other makers that hold the vendor's engine stop getting its updates. The dossiers name \
             {count} with a source, such as {}.",
            first.join("; ")
        ));
    }
    list
}

/// A response policy zone.
pub(super) fn rpz(input: Input<'_>, today: Date, left: &mut Left) -> Draft {
    let names = Names::of(input, left);
    let zone = format!("{}.rpz.ostrakon.invalid", input.slug('-'));
    let serial = today.to_string().replace('-', "");
    let mut lines = vec![
        "$TTL 300".to_owned(),
        format!("@ IN SOA localhost. hostmaster.localhost. ( {serial}01 3600 600 604800 300 )"),
        "@ IN NS localhost.".to_owned(),
        String::new(),
        "; Names that must be answered whatever stands below, one a line:".to_owned(),
        "; updates.agency.example CNAME rpz-passthru.".to_owned(),
        String::new(),
    ];
    for zone in &names.zones {
        lines.push(format!("{zone} CNAME ."));
        lines.push(format!("*.{zone} CNAME ."));
    }
    lines.extend(names.single.iter().map(|name| format!("{name} CNAME .")));
    if !names.spared.is_empty() {
        lines.push(String::new());
        lines.push(
            "; Left out, since names below are no product's. To refuse all of them take the semicolons away,"
                .to_owned(),
        );
        lines.push(
            "; and take out the single names below: each shields what is below itself from the wildcard.".to_owned(),
        );
        for zone in &names.spared {
            lines.push(format!("; {zone} CNAME ."));
            lines.push(format!("; *.{zone} CNAME ."));
        }
    }
    let mut breaks = breaks(input);
    breaks.push(
        "The answer is that the name does not exist. The serial is that of the day: raise it when you change the \
         file by hand."
            .to_owned(),
    );
    Draft {
        comment: Comment::Mark(';'),
        before: "",
        body: lines.join("\n") + "\n",
        count: 2 * names.zones.len() + names.single.len(),
        breaks,
        allow: "The lines with rpz-passthru come first; an exact name goes before a wildcard. Put names there that \
                your own machines need, no deeper than one label below a refused one, or list a zone of your own \
                with `policy passthru` before this one in response-policy."
            .to_owned(),
        install: format!(
            "named-checkzone {zone} /etc/bind/db.{zone}\n\
             In options: response-policy {{ zone \"{zone}\"; }};\n\
             Beside them: zone \"{zone}\" {{ type primary; file \"/etc/bind/db.{zone}\"; allow-query {{ none; }}; }};\n\
             named-checkconf && rndc reconfig"
        ),
        way_back: format!("Take zone \"{zone}\" and its statement out of named.conf\nrndc reconfig"),
    }
}

/// Lines of a hosts file.
pub(super) fn hosts(input: Input<'_>, left: &mut Left) -> Draft {
    let names = Names::of(input, left);
    for zone in &names.zones {
        left.add("a hosts file has no wildcards: what is not listed still gets through (use rpz)", format!("*.{zone}"));
    }
    let mark = format!("ostrakon {}", input.slug('-'));
    let mut lines = vec![format!("# BEGIN {mark}")];
    for name in &names.known {
        lines.push(format!("0.0.0.0 {name}"));
        lines.push(format!(":: {name}"));
    }
    lines.push(format!("# END {mark}"));
    let delete = format!("sed -i '/^# BEGIN {mark}$/,/^# END {mark}$/d' /etc/hosts");
    Draft {
        comment: Comment::Mark('#'),
        before: "",
        body: lines.join("\n") + "\n",
        count: 2 * names.known.len(),
        breaks: breaks(input),
        allow: "The first line of a hosts file that has a name wins: put names that must keep their address before \
                these lines."
            .to_owned(),
        install: format!(
            "cp -p /etc/hosts /etc/hosts.before-ostrakon\n\
             {delete}\n\
             sed -n '/^# BEGIN {mark}$/,/^# END {mark}$/p' FILE >> /etc/hosts"
        ),
        way_back: delete,
    }
}
