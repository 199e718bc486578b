//! `ostrakon block`

use crate::args::{Block, Global};
use crate::error::CommandError;
use crate::looking::now;
use crate::{builtin, terminal};
use jiff::tz::TimeZone;
use ostrakon_plan::block::{Form, rules};

pub(crate) fn run(global: &Global, args: &Block) -> Result<u8, CommandError> {
    let (library, mut orders) = builtin::for_orders(global, std::slice::from_ref(&args.order))?;
    let order = orders.remove(0);
    // The command line takes the words of the forms and no others.
    let form = Form::ALL.into_iter().find(|form| form.word() == args.form).unwrap_or(Form::Nftables);
    let dossiers: Vec<_> = order.scope.dossiers.iter().filter_map(|id| library.dossiers.get(id)).collect();
    let today = now().to_zoned_datetime(TimeZone::system()).date();
    let rules = rules(&order, &dossiers, form, today);
    terminal::result(args.out.as_deref(), &rules.text)?;
    terminal::say(global, &format!("{} rule(s) for {} as {}.", rules.count, order.id, form.word()));
    for line in &rules.warnings {
        terminal::say(global, &format!("Can break: {line}"));
    }
    if !rules.not_expressed.is_empty() {
        let shown = if global.verbose { rules.not_expressed.len() } else { 5 };
        terminal::say(global, &format!("Not expressed in this form: {}", rules.not_expressed.len()));
        for line in rules.not_expressed.iter().take(shown) {
            terminal::say(global, &format!("- {line}"));
        }
        if rules.not_expressed.len() > shown {
            terminal::say(global, "  -v shows all");
        }
    }
    terminal::say(global, &format!("Install:  {}\nWay back: {}", rules.install, rules.way_back));
    Ok(0)
}
