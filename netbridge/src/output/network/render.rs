//! Text of views: JSON as Docker indents it, Go templates, columns.

use gtmpl::{Context, Template};
use gtmpl_value::{FuncError, Value};
use serde::Serialize;
use serde_json::ser::PrettyFormatter;

/// What a template prints of a field that there is not.
const NO_VALUE: &str = "<no value>";

/// JSON with an indent of four, as `docker inspect` prints it.
pub fn pretty(views: &impl Serialize) -> anyhow::Result<String> {
    let mut text = Vec::new();
    let formatter = PrettyFormatter::with_indent(b"    ");
    let mut serializer = serde_json::Serializer::with_formatter(&mut text, formatter);
    views.serialize(&mut serializer)?;
    Ok(String::from_utf8(text)?)
}

/// Each view as a Go template has it: a line each; with `table` before it in columns under their names, and
/// for `json` as an object.
pub fn each<T: Serialize>(format: &str, views: &[T]) -> Result<Vec<String>, String> {
    let format = unescaped(format);
    let table = format.strip_prefix("table ");
    let template = match format.as_str() {
        "json" => "{{json .}}",
        other => table.unwrap_or(other),
    };
    let mut lines = Vec::new();
    for view in views {
        let value = serde_json::to_value(view).map_err(|error| error.to_string())?;
        lines.push(render(template, &value)?);
    }
    if table.is_none() {
        return Ok(lines);
    }
    let rows = [head(template)].into_iter().chain(lines);
    let split = |line: String| line.split('\t').map(str::to_owned).collect();
    let rows: Vec<Vec<String>> = rows.map(split).collect();
    Ok(vec![columns(&rows)])
}

/// The text with `\t` and `\n` as what they stand for, but in actions, which do that themselves.
fn unescaped(format: &str) -> String {
    let mut text = String::new();
    for (at, part) in format.split("{{").enumerate() {
        let (action, rest) = match part.split_once("}}") {
            Some((action, rest)) if at > 0 => (Some(action), rest),
            _ => (None, part),
        };
        if at > 0 {
            text.push_str("{{");
        }
        if let Some(action) = action {
            text = text + action + "}}";
        }
        text.push_str(&rest.replace("\\t", "\t").replace("\\n", "\n"));
    }
    text
}

/// The heads of columns: of each action the last field that it names.
fn head(template: &str) -> String {
    let mut head = String::new();
    for (at, part) in template.split("{{").enumerate() {
        let (action, rest) = match part.split_once("}}") {
            Some((action, rest)) if at > 0 => (action, rest),
            _ => ("", part),
        };
        let field = action
            .split_whitespace()
            .rev()
            .find(|word| word.starts_with('.'));
        let name = field.and_then(|field| field.rsplit('.').next());
        head.push_str(&name.unwrap_or_default().to_uppercase());
        head.push_str(rest);
    }
    head
}

fn render(template: &str, value: &serde_json::Value) -> Result<String, String> {
    let bad = |error: &dyn std::fmt::Display| {
        let text = error.to_string();
        format!(
            "format `{template}`: {}",
            text.lines().next().unwrap_or_default()
        )
    };
    let mut parsed = Template::default();
    parsed.add_func("json", json);
    parsed.add_func("len", len);
    parsed.add_func("lower", |args| text(args, str::to_lowercase));
    parsed.add_func("upper", |args| text(args, str::to_uppercase));
    parsed.parse(template).map_err(|error| bad(&error))?;
    let text = parsed
        .render(&Context::from(of_json(value)))
        .map_err(|error| bad(&error))?;
    if text.contains(NO_VALUE) {
        return Err(bad(&"it names a field that there is not"));
    }
    Ok(text)
}

fn of_json(value: &serde_json::Value) -> Value {
    match value {
        serde_json::Value::Null => Value::Nil,
        serde_json::Value::Bool(on) => Value::Bool(*on),
        serde_json::Value::Number(number) => match number.as_i64() {
            Some(whole) => Value::from(whole),
            None => Value::from(number.as_f64().unwrap_or_default()),
        },
        serde_json::Value::String(text) => Value::String(text.clone()),
        serde_json::Value::Array(all) => Value::Array(all.iter().map(of_json).collect()),
        serde_json::Value::Object(all) => Value::Map(
            all.iter()
                .map(|(key, value)| (key.clone(), of_json(value)))
                .collect(),
        ),
    }
}

fn to_json(value: &Value) -> serde_json::Value {
    match value {
        Value::Bool(on) => (*on).into(),
        Value::String(text) => text.clone().into(),
        Value::Array(all) => all.iter().map(to_json).collect(),
        Value::Object(all) | Value::Map(all) => {
            let pairs: std::collections::BTreeMap<_, _> = all
                .iter()
                .map(|(key, value)| (key.clone(), to_json(value)))
                .collect();
            pairs.into_iter().collect()
        }
        Value::Number(number) => match number.as_i64() {
            Some(whole) => whole.into(),
            None => number.as_f64().into(),
        },
        Value::NoValue | Value::Nil | Value::Function(_) => serde_json::Value::Null,
    }
}

#[expect(clippy::unnecessary_wraps, reason = "what a function of a template is")]
fn json(args: &[Value]) -> Result<Value, FuncError> {
    let value = args.first().map_or(serde_json::Value::Null, to_json);
    Ok(Value::String(value.to_string()))
}

/// How many, as in Go; the library's own cannot count maps.
fn len(args: &[Value]) -> Result<Value, FuncError> {
    let count = match args {
        [Value::String(text)] => text.len(),
        [Value::Array(all)] => all.len(),
        [Value::Map(all) | Value::Object(all)] => all.len(),
        _ => return Err(FuncError::UnableToConvertFromValue),
    };
    Ok(Value::from(count as u64))
}

fn text(args: &[Value], change: fn(&str) -> String) -> Result<Value, FuncError> {
    match args {
        [Value::String(text)] => Ok(Value::String(change(text))),
        _ => Err(FuncError::UnableToConvertFromValue),
    }
}

/// Rows in columns that are three spaces apart, as `docker` prints them.
pub fn columns(rows: &[Vec<String>]) -> String {
    let width = |at: usize| {
        let cells = rows.iter().filter_map(|row| row.get(at));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let line = |row: &Vec<String>| {
        let cells = row.iter().enumerate().map(|(at, cell)| {
            let last = at + 1 == row.len();
            let width = if last { 0 } else { width(at) + 3 };
            format!("{cell:width$}")
        });
        cells.collect::<String>()
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn templates_are_those_of_go() {
        let view = json!({"Name": "web", "Internal": false, "IPAM": {"Config": [{"Subnet": "10.0.0.0/8"}]}});
        let views = [view];
        for (format, text) in [
            ("{{.Name}}", "web"),
            ("{{.Name}}\\t{{.Internal}}", "web\tfalse"),
            ("{{range .IPAM.Config}}{{.Subnet}}{{end}}", "10.0.0.0/8"),
            ("{{len .IPAM}} {{len .IPAM.Config}} {{len .Name}}", "1 1 3"),
            ("{{json .IPAM}}", r#"{"Config":[{"Subnet":"10.0.0.0/8"}]}"#),
            ("{{(index .IPAM.Config 0).Subnet}}", "10.0.0.0/8"),
            (
                "table {{.Name}}\\t{{.Internal}}",
                "NAME   INTERNAL\nweb    false",
            ),
            (
                "table {{upper .Name}}\\t{{len .Name}}",
                "NAME   NAME\nWEB    3",
            ),
            ("{{.Name}}{{\"\\n\"}}x", "web\nx"),
        ] {
            assert_eq!(each(format, &views), Ok(vec![text.to_owned()]), "{format}");
        }
        let object = each("json", &views).unwrap();
        assert!(object[0].starts_with('{'), "{object:?}");
        assert!(each("{{.Name", &views).is_err());
        assert!(each("{{.Nome}}", &views).is_err());
    }
}
