//! The orders and dossiers that ship with the program: they all read, and the clocks give the dates the orders give.

#![expect(clippy::unwrap_used, clippy::print_stderr, reason = "a test fails by panicking")]

use jiff::civil::{Date, date};
use ostrakon_order::clock::{Moment, dates};
use ostrakon_order::order::Verb;
use ostrakon_order::{Due, DueState, Events, Library, OrderError, Source};
use std::path::Path;

fn files(dir: &Path) -> Vec<(String, String)> {
    let mut list: Vec<_> = std::fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|end| end == "toml"))
        .map(|path| (path.display().to_string(), std::fs::read_to_string(&path).unwrap()))
        .collect();
    list.sort();
    list
}

fn library() -> Library {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut folders: Vec<_> = std::fs::read_dir(root.join("dossiers")).unwrap().map(|e| e.unwrap().path()).collect();
    folders.sort();
    let dossiers =
        folders.iter().map(|dir| (dir.file_name().unwrap().to_string_lossy().into_owned(), files(dir))).collect();
    let source =
        Source { orders: files(&root.join("orders")), calendars: files(&root.join("orders/calendars")), dossiers };
    match Library::read(&source) {
        Ok(library) => library,
        Err(OrderError::Invalid(faults)) => {
            for fault in faults.iter().take(60) {
                let (line, column) = fault.line_column();
                eprintln!("{}:{line}:{column}: {} ({})", fault.file, fault.message, fault.help);
            }
            panic!("{} faults in the shipped files", faults.len());
        }
        Err(other) => panic!("{other}"),
    }
}

fn clock(id: &str, today: Date, events: &[(&str, &str)]) -> Vec<Due> {
    let library = library();
    let order = library.order(id).unwrap();
    let mut moments = Events::default();
    for (event, at) in events {
        moments.happened.insert((*event).to_owned(), Moment::parse(at, &order.time_zone).unwrap());
    }
    dates(order, library.calendar_of(order).unwrap(), today, &moments).unwrap()
}

fn due<'a>(list: &'a [Due], id: &str) -> &'a Due {
    list.iter().find(|due| due.obligation == id).unwrap_or_else(|| panic!("{id} not in {list:#?}"))
}

#[test]
fn everything_that_ships_reads_and_refers_to_what_is_there() {
    let library = library();
    assert_eq!(library.orders.len(), 10);
    for order in library.orders.values() {
        let dossiers = library.dossiers_of(order).unwrap();
        library.calendar_of(order).unwrap();
        assert!(!order.scope.rules.is_empty(), "{} has no scope rule", order.id);
        for name in order.scope.rules.iter().flat_map(|rule| &rule.products) {
            let (vendor, product) = name.split_once('/').unwrap();
            let dossier = dossiers.iter().find(|dossier| dossier.id == vendor).unwrap_or_else(|| panic!("{name}"));
            assert!(product == "*" || dossier.product(product).is_some(), "{}: {name}", order.id);
        }
    }
}

#[test]
fn the_days_of_17_01_are_the_days_it_was_carried_out_by() {
    let list = clock("bod-17-01", date(2017, 9, 20), &[]);
    assert_eq!(due(&list, "identify").complete.as_ref().unwrap().day, date(2017, 10, 13));
    assert_eq!(due(&list, "plan").complete.as_ref().unwrap().day, date(2017, 11, 12));
    assert_eq!(due(&list, "identify").state, DueState::In(23));
}

#[test]
fn day_90_of_17_01_begins_removal_and_nothing_ends_it() {
    let library = library();
    let order = library.order("BOD 17-01").unwrap();
    let removal = order.obligations.iter().find(|duty| duty.verb == Verb::Remove).unwrap();
    assert!(removal.begin_by.is_some() && removal.complete_by.is_none());
    let list = clock("bod-17-01", date(2018, 2, 1), &[]);
    let begin = due(&list, &removal.id);
    assert_eq!(begin.begin.as_ref().unwrap().day, date(2017, 12, 12));
    assert_eq!(begin.state, DueState::Begun(51));
}

#[test]
fn status_repeats_every_thirty_days() {
    let list = clock("bod-17-01", date(2018, 2, 1), &[]);
    let status: Vec<_> = list.iter().filter(|due| due.obligation == "status").collect();
    assert_eq!(status[0].complete.as_ref().unwrap().day, date(2018, 1, 11));
    assert_eq!(status[0].state, DueState::Late(21));
    assert_eq!(status[1].complete.as_ref().unwrap().day, date(2018, 2, 10));
    assert_eq!(status[1].occurrence, 2);
}

#[test]
fn the_far_clock_changed_from_one_business_day_to_three() {
    // Friday 20 December 2019 -> Monday 23; Friday 22 December 2023 -> Thursday 28, over Christmas Monday.
    let before = clock("far-52-204-23", date(2019, 12, 20), &[("identified", "2019-12-20")]);
    let old = before.iter().find(|due| due.obligation.starts_with("report-1") && due.complete.is_some()).unwrap();
    assert_eq!(old.complete.as_ref().unwrap().day, date(2019, 12, 23));
    let after = clock("far-52-204-23", date(2023, 12, 22), &[("identified", "2023-12-22")]);
    let new = after.iter().find(|due| due.obligation.starts_with("report-1") && due.complete.is_some()).unwrap();
    assert_eq!(new.complete.as_ref().unwrap().day, date(2023, 12, 28));
    let first_reports = |list: &[Due]| list.iter().filter(|due| due.obligation.starts_with("report-1")).count();
    assert_eq!((first_reports(&before), first_reports(&after)), (1, 1));
    let waiting = clock("far-52-204-23", date(2023, 12, 22), &[]);
    assert!(matches!(&waiting[0].state, DueState::Waiting(event) if event.contains("identified")));
}

#[test]
fn federal_holidays_move_to_the_nearest_weekday() {
    let library = library();
    let calendar = &library.calendars["us-federal"];
    assert!(!calendar.is_business_day(date(2021, 12, 31)), "New Year's Day 2022 is a Saturday");
    assert!(!calendar.is_business_day(date(2021, 6, 18)), "Juneteenth 2021 is a Saturday");
    assert!(calendar.is_business_day(date(2019, 6, 19)), "no holiday before 2021");
    assert!(!calendar.is_business_day(date(2024, 11, 28)), "Thanksgiving");
    assert_eq!(calendar.add_business_days(date(2024, 11, 27), 1), Some(date(2024, 11, 29)));
}

/// The schemas that `order check --schema` and `dossier check --schema` print, for editors and other programs.
#[test]
fn the_schemas_are_those_of_the_program() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/schemas");
    std::fs::create_dir_all(&folder).unwrap();
    for (name, schema) in [("order", ostrakon_order::order_schema()), ("dossier", ostrakon_order::dossier_schema())] {
        let file = folder.join(format!("{name}.json"));
        let text = format!("{}\n", serde_json::to_string_pretty(&schema).unwrap());
        if std::fs::read_to_string(&file).ok().as_deref() != Some(&text) {
            std::fs::write(&file, text).unwrap();
            panic!("{} was out of date and is written anew: look at it and commit it", file.display());
        }
    }
}
