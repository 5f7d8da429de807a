//! The words of nftables that the table needs, made short.

use std::{borrow::Cow, fmt::Display};

use ipnet::IpNet;
use nftables::{
    expr::{
        CT, Expression, Fib, FibFlag, FibResult, Map, Meta, MetaKey, NamedExpression, Payload,
        PayloadField, Prefix, SetItem,
    },
    schema::{self, Chain, NfListObject, Rule, SetType, SetTypeValue, Table},
    stmt::{JumpTarget, Match, NAT, NATFamily, Operator, Statement},
    types::{NfChainPolicy, NfChainType, NfFamily, NfHook},
};

/// The table's name.
pub(super) const TABLE: &str = "netbridge";

pub(super) type Word = Expression<'static>;
pub(super) type Step = Statement<'static>;
pub(super) type Object = NfListObject<'static>;

pub(super) fn table() -> Object {
    NfListObject::Table(Table {
        family: NfFamily::INet,
        name: TABLE.into(),
        handle: None,
    })
}

/// A chain that the kernel calls; it accepts what its rules do not decide.
pub(super) fn base_chain(
    name: &'static str,
    kind: NfChainType,
    hook: NfHook,
    priority: i32,
) -> Object {
    NfListObject::Chain(Chain {
        _type: Some(kind),
        hook: Some(hook),
        prio: Some(priority),
        policy: Some(NfChainPolicy::Accept),
        ..own_chain(name)
    })
}

/// A chain that rules call.
pub(super) fn chain(name: &'static str) -> Object {
    NfListObject::Chain(own_chain(name))
}

fn own_chain(name: &'static str) -> Chain<'static> {
    Chain {
        family: NfFamily::INet,
        table: TABLE.into(),
        name: name.into(),
        ..Chain::default()
    }
}

pub(super) fn rule(chain: &'static str, steps: Vec<Step>) -> Object {
    NfListObject::Rule(Rule {
        family: NfFamily::INet,
        table: TABLE.into(),
        chain: chain.into(),
        expr: steps.into(),
        ..Rule::default()
    })
}

pub(super) fn set(name: &'static str, types: &[SetType], elements: Vec<Word>) -> Object {
    NfListObject::Set(Box::new(schema::Set {
        family: NfFamily::INet,
        table: TABLE.into(),
        name: name.into(),
        set_type: type_of(types),
        elem: filled(elements),
        ..schema::Set::default()
    }))
}

pub(super) fn map(
    name: &'static str,
    types: &[SetType],
    to: SetType,
    elements: Vec<Word>,
) -> Object {
    NfListObject::Map(Box::new(schema::Map {
        family: NfFamily::INet,
        table: TABLE.into(),
        name: name.into(),
        set_type: type_of(types),
        map: SetTypeValue::Single(to),
        elem: filled(elements),
        ..schema::Map::default()
    }))
}

fn type_of(types: &[SetType]) -> SetTypeValue<'static> {
    match types {
        [one] => SetTypeValue::Single(*one),
        many => SetTypeValue::Concatenated(many.to_vec().into()),
    }
}

/// nft takes no empty list of elements.
fn filled(elements: Vec<Word>) -> Option<Cow<'static, [Word]>> {
    (!elements.is_empty()).then(|| elements.into())
}

pub(super) fn text(value: impl Display) -> Word {
    Expression::String(value.to_string().into())
}

pub(super) fn port(port: u16) -> Word {
    Expression::Number(port.into())
}

pub(super) fn concat(words: Vec<Word>) -> Word {
    Expression::Named(NamedExpression::Concat(words))
}

pub(super) fn prefix(net: &IpNet) -> Word {
    Expression::Named(NamedExpression::Prefix(Prefix {
        addr: Box::new(text(net.network())),
        len: net.prefix_len().into(),
    }))
}

pub(super) fn any_of(words: &[&'static str]) -> Word {
    let items = words.iter().map(|word| SetItem::Element(text(word)));
    Expression::Named(NamedExpression::Set(items.collect()))
}

pub(super) fn meta(key: MetaKey) -> Word {
    Expression::Named(NamedExpression::Meta(Meta { key }))
}

pub(super) fn field(protocol: &'static str, field: &'static str) -> Word {
    let field = PayloadField {
        protocol: protocol.into(),
        field: field.into(),
    };
    Expression::Named(NamedExpression::Payload(Payload::PayloadField(field)))
}

/// The interfaces that a packet comes by and leaves by.
pub(super) fn interfaces() -> Word {
    concat(vec![meta(MetaKey::Iifname), meta(MetaKey::Oifname)])
}

/// Whether an address is one of this host's (`local`) or not.
pub(super) fn kind_of(address: FibFlag) -> Word {
    Expression::Named(NamedExpression::Fib(Fib {
        result: FibResult::Type,
        flags: [address].into(),
    }))
}

pub(super) fn is(left: Word, right: Word) -> Step {
    compare(left, Operator::EQ, right)
}

pub(super) fn is_not(left: Word, right: Word) -> Step {
    compare(left, Operator::NEQ, right)
}

fn compare(left: Word, op: Operator, right: Word) -> Step {
    Statement::Match(Match { left, right, op })
}

/// Says that the connection has one of these states or, with the key `status`, marks.
pub(super) fn connection(key: &'static str, values: &[&'static str]) -> Step {
    let left = Expression::Named(NamedExpression::CT(CT {
        key: key.into(),
        family: None,
        dir: None,
    }));
    let right = match values {
        [one] => text(one),
        many => Expression::List(many.iter().map(text).collect()),
    };
    compare(left, Operator::IN, right)
}

/// Translates the destination to what two maps have for `key`; a key they lack ends the rule.
pub(super) fn dnat(family: NATFamily, key: &Word, addresses: Word, ports: Word) -> Step {
    let looked_up = |data| {
        let key = key.clone();
        Expression::Named(NamedExpression::Map(Box::new(Map { key, data })))
    };
    Statement::DNAT(Some(NAT {
        addr: Some(looked_up(addresses)),
        family: Some(family),
        port: Some(looked_up(ports)),
        flags: None,
    }))
}

pub(super) fn jump(chain: &'static str) -> Step {
    let target = chain.into();
    Statement::Jump(JumpTarget { target })
}
