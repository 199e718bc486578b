//! The closed lists of words an order file may use.

use schemars::JsonSchema;
use serde::Deserialize;

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize, serde::Serialize, JsonSchema)]
        #[serde(rename_all = "kebab-case")]
        pub enum $name { $(#[doc = $word] #[serde(rename = $word)] $variant),+ }

        impl $name {
            /// The word as files and outputs write it.
            pub const fn word(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.word())
            }
        }
    };
}

words!(
    /// The legal form of an order.
    Instrument {
        Directive = "binding-operational-directive",
        EmergencyDirective = "emergency-directive",
        Statute = "statute",
        ContractClause = "contract-clause",
        FascsaOrder = "fascsa-order",
        IctsDetermination = "icts-determination",
        List = "list",
        StateOrder = "state-order",
        PolicyDirection = "policy-direction",
        Memorandum = "memorandum",
        Advice = "advice",
    }
);
words!(
    /// How an order binds.
    Force { Binding = "binding", Conditional = "conditional", Advice = "advice" }
);
words!(
    /// Where an order is in its life.
    Status {
        Draft = "draft",
        Active = "active",
        Amended = "amended",
        Superseded = "superseded",
        Revoked = "revoked",
        Retired = "retired",
        Archived = "archived",
    }
);
words!(
    /// Whether the encoding was checked against a source.
    Confidence { Verified = "verified", Recalled = "recalled" }
);
words!(
    /// Whom an act or an order binds.
    Party { User = "user", Seller = "seller", Buyer = "buyer", Contractor = "contractor" }
);
words!(
    /// How deep in a product the order reaches.
    Depth {
        Branded = "branded",
        WholeOrPart = "whole-or-part",
        Component = "component",
        EssentialComponent = "essential-component",
        Integrated = "integrated",
        Incidental = "incidental",
    }
);
words!(
    /// In or out of an order's scope.
    Decision { In = "in", Out = "out" }
);
words!(
    /// What an obligation asks for.
    Verb {
        Identify = "identify",
        Report = "report",
        Plan = "plan",
        Disconnect = "disconnect",
        Isolate = "isolate",
        PreserveEvidence = "preserve-evidence",
        Remove = "remove",
        Replace = "replace",
        Dispose = "dispose",
        Block = "block",
        Prevent = "prevent",
        Rescan = "rescan",
        Attest = "attest",
        AmendContract = "amend-contract",
        Notify = "notify",
        CheckList = "check-list",
    }
);
words!(
    /// What an order forbids.
    Act {
        Use = "use",
        Presence = "presence",
        Procure = "procure",
        Renew = "renew",
        Extend = "extend",
        Provide = "provide",
        ContractWithUser = "contract-with-user",
        Install = "install",
        Download = "download",
        Access = "access",
        Resell = "resell",
        Integrate = "integrate",
        License = "license",
        Update = "update",
        Agreement = "agreement",
        Traffic = "traffic",
    }
);
words!(
    /// Who fills a field of a report.
    FilledBy { Scan = "scan", Config = "config", Human = "human", Plan = "plan" }
);
words!(
    /// What a field of a report is counted for.
    Per {
        Agency = "agency",
        Component = "component",
        Product = "product",
        Instance = "instance",
        Contract = "contract",
    }
);
words!(
    /// Whether an entity is named by an order or only an example of its class.
    Role { Named = "named", Example = "example" }
);
words!(
    /// Who else counts as the vendor.
    Closure {
        Predecessor = "predecessor",
        Successor = "successor",
        Parent = "parent",
        Subsidiary = "subsidiary",
        Affiliate = "affiliate",
        Controls = "controls",
        ControlledBy = "controlled-by",
        CommonControl = "common-control",
        MajorityOwned = "majority-owned",
    }
);
words!(
    /// Whether a source is the text itself or speaks of it.
    Mark { Primary = "primary", Secondary = "secondary" }
);
words!(
    /// What a day that is no business day does to a due date.
    Roll { None = "none", NextBusinessDay = "next-business-day" }
);
