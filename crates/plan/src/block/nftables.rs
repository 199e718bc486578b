//! Addresses dropped by the packet filter of Linux.

use crate::block::select::{Input, Left, values};
use crate::block::text::{Comment, Draft};
use ostrakon_model::{Attribute, Presence};
use ostrakon_order::pattern::{Cidr, Test};
use std::collections::BTreeSet;
use std::net::IpAddr;

const ADDRESS: Attribute = Attribute::known("ip.address");
const NAME: Attribute = Attribute::known("dns.name");
const PORT: Attribute = Attribute::known("net.port");
const SYSTEM: Attribute = Attribute::known("net.asn");

/// A table of its own, so that taking it away takes everything away.
pub(super) fn draft(input: Input<'_>, left: &mut Left) -> Draft {
    let (four, six) = prefixes(input, left);
    others(input, left);
    let table = format!("ostrakon_{}", input.slug('_'));
    let body = format!(
        "table inet {table}\n\
         delete table inet {table}\n\
         \n\
         table inet {table} {{\n\
         \t# The self-allow list: never dropped, whatever stands below.\n\
         {}{}{}{}{}{}{}}}\n",
        set("ostrakon_allow", "ipv4_addr", None, "192.0.2.10, 198.51.100.0/24"),
        set("ostrakon_allow6", "ipv6_addr", None, "2001:db8::10, 2001:db8:1::/48"),
        set("ostrakon_deny", "ipv4_addr", Some(&four), ""),
        set("ostrakon_deny6", "ipv6_addr", Some(&six), ""),
        chain("input", "iifname \"lo\" accept", &["saddr"]),
        chain("output", "oifname \"lo\" accept", &["daddr"]),
        chain("forward", "", &["saddr", "daddr"]),
    );
    let mut breaks = vec![
        "Packets to and from these addresses are dropped without an answer, so programs wait for their time-out. \
         Whatever else lies at them is cut off too, such as web sites of the vendor."
            .to_owned(),
        "Connections that are open when the table is loaded stay open: end them with `conntrack -D -d ADDRESS`, or \
         restart the program. Addresses change hands: make the file anew from time to time."
            .to_owned(),
        "The removal needs nothing from the vendor's servers; the return of licences and the download of the \
         vendor's removal tools may."
            .to_owned(),
    ];
    if four.is_empty() && six.is_empty() {
        breaks.insert(
            0,
            "The table drops nothing as it is: the dossiers hold no address that is sure enough. A person who has \
             checked one can add it to the set ostrakon_deny or ostrakon_deny6. To refuse names use rpz."
                .to_owned(),
        );
    }
    Draft {
        comment: Comment::Mark('#'),
        before: "",
        body,
        count: four.len() + six.len(),
        breaks,
        allow: "Loopback and connections that are open come first, then the sets ostrakon_allow and ostrakon_allow6. \
                They are empty: put the addresses there that you administer the machine from, and those of your own \
                servers, before you load the file."
            .to_owned(),
        install: format!(
            "nft -c -f FILE\n\
             nft -f FILE\n\
             To keep it over a restart: cp FILE /etc/nftables.d/{table}.nft, and a line with\n\
             include \"/etc/nftables.d/{table}.nft\" at the end of /etc/nftables.conf"
        ),
        way_back: format!("nft delete table inet {table}"),
    }
}

/// The prefixes to drop, of IPv4 and of IPv6.
fn prefixes(input: Input<'_>, left: &mut Left) -> (BTreeSet<String>, BTreeSet<String>) {
    let (mut four, mut six) = (BTreeSet::new(), BTreeSet::new());
    for chosen in input.chosen(&[ADDRESS], &[Presence::Contact], left) {
        for value in values(&chosen.indicator.test) {
            let what = chosen.says(value);
            let read = match &chosen.indicator.test {
                Test::Is(_) | Test::Under(_) => Cidr::parse(value).ok().zip(split(value)),
                _ => None,
            };
            let Some((prefix, (address, bits))) = read else {
                left.add("not an address or a prefix", what);
                continue;
            };
            if bits.is_some_and(|bits| bits < if address.is_ipv4() { 8 } else { 16 }) {
                left.add("a prefix wider than any vendor's network", what);
                continue;
            }
            let hits = |other: &str| other.parse::<IpAddr>().is_ok_and(|other| prefix.contains(other));
            if !input.spares(&[ADDRESS], hits, what, left) {
                let list = if address.is_ipv4() { &mut four } else { &mut six };
                list.insert(bits.map_or(address.to_string(), |bits| format!("{address}/{bits}")));
            }
        }
    }
    (four, six)
}

/// The address of a prefix, and its bits where it says them.
fn split(value: &str) -> Option<(IpAddr, Option<u8>)> {
    let (address, bits) = value.split_once('/').unwrap_or((value, ""));
    Some((address.parse().ok()?, bits.parse().ok()))
}

/// What else is known of the vendors' traffic, and why none of it makes a rule.
fn others(input: Input<'_>, left: &mut Left) {
    let reasons = [
        (NAME, "a packet filter does not know names (use rpz)"),
        (PORT, "a port belongs to nobody: a rule on it alone would cut off other programs"),
        (SYSTEM, "a packet filter does not know autonomous systems"),
    ];
    for (attribute, reason) in reasons {
        // Those that are only possible would make no rule in any form.
        for chosen in input.chosen(&[attribute], &[Presence::Contact], &mut Left::default()) {
            left.add(reason, &chosen.indicator.name);
        }
    }
}

/// A named set; `example` is shown in an empty one that is to be filled by hand.
fn set(name: &str, kind: &str, elements: Option<&BTreeSet<String>>, example: &str) -> String {
    let mut out = format!("\tset {name} {{\n\t\ttype {kind}\n\t\tflags interval\n\t\tauto-merge\n");
    match elements {
        None => out.push_str(&format!("\t\t# elements = {{ {example} }}\n")),
        Some(list) if list.is_empty() => {}
        Some(list) => {
            let lines: Vec<_> = list.iter().map(|one| format!("\t\t\t{one}")).collect();
            out.push_str(&format!("\t\telements = {{\n{}\n\t\t}}\n", lines.join(",\n")));
        }
    }
    out + "\t}\n\n"
}

/// A chain that lets through what must get through, and then drops by the addresses of `sides`.
fn chain(hook: &str, first: &str, sides: &[&str]) -> String {
    let mut lines = vec![format!("type filter hook {hook} priority filter - 5; policy accept;")];
    if !first.is_empty() {
        lines.push(first.to_owned());
    }
    lines.push("ct state established,related accept".to_owned());
    for (set, end) in [("allow", "accept"), ("deny", "counter drop")] {
        for side in sides {
            lines.push(format!("ip {side} @ostrakon_{set} {end}"));
            lines.push(format!("ip6 {side} @ostrakon_{set}6 {end}"));
        }
    }
    let lines: Vec<_> = lines.iter().map(|line| format!("\t\t{line}\n")).collect();
    format!("\tchain {hook} {{\n{}\t}}\n", lines.concat())
}
