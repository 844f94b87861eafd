//! Price tables in our own schema, read.

use o11y_core::Cost;
use serde_json::{Map, Value};

pub(crate) use self::write::write;
use super::{
    class::Class,
    decimal::{self, Beyond},
    error::{Place, PriceTableError},
    layer::Layer,
    model_price::ModelPrice,
    name,
    rates::Rates,
    service_tier::ServiceTier,
};

mod write;

const PRICE: &str =
    "a price in dollars for a million tokens, at least 0 and with at most 6 decimals";
const TOKENS: &str = "a whole number of tokens";
const OBJECT: &str = "an object";
const TEXT: &str = "text";
const DATE: &str = "a date like \"2026-11-12\"";
const KNOWN: &str = "left out: it is not a field of this table";
const GIVEN: &str = "given: input and output always have a price";

/// The table as a whole, which has no name of its own.
pub(crate) const TOP: &str = "the top level";

/// The fields of a model beside its classes and tiers.
const ABOVE: &str = "above";
const MAX_INPUT: &str = "max_input_tokens";
const MAX_OUTPUT: &str = "max_output_tokens";

pub(crate) fn read(text: &str) -> Result<Layer, PriceTableError> {
    let table = parse(text)?;
    let place = Place::table();
    let mut layer = Layer::default();
    for (field, value) in object(&table, &place, TOP)? {
        match field.as_str() {
            "date" => layer.date = Some(date(value, &place)?),
            "source" => {
                let source = value.as_str().ok_or_else(|| place.wrong("source", TEXT))?;
                layer.source = Some(source.to_owned());
            }
            "priced_like" => read_priced_like(value, &place, &mut layer)?,
            "providers" => read_providers(value, &place, &mut layer)?,
            _ => return Err(place.wrong(field, KNOWN)),
        }
    }
    Ok(layer)
}

pub(crate) fn parse(text: &str) -> Result<Value, PriceTableError> {
    serde_json::from_str(text).map_err(|error| PriceTableError::Syntax {
        source: Box::new(error),
    })
}

pub(crate) fn object<'a>(
    value: &'a Value,
    place: &Place,
    field: &str,
) -> Result<&'a Map<String, Value>, PriceTableError> {
    value.as_object().ok_or_else(|| place.wrong(field, OBJECT))
}

fn date(value: &Value, place: &Place) -> Result<String, PriceTableError> {
    let date = value.as_str().filter(|date| {
        date.len() == 10
            && date.bytes().enumerate().all(|(at, byte)| match at {
                4 | 7 => byte == b'-',
                _ => byte.is_ascii_digit(),
            })
    });
    let date = date.ok_or_else(|| place.wrong("date", DATE))?;
    Ok(date.to_owned())
}

fn read_priced_like(
    value: &Value,
    place: &Place,
    layer: &mut Layer,
) -> Result<(), PriceTableError> {
    for (host, maker) in object(value, place, "priced_like")? {
        let maker = maker.as_str();
        let maker = maker.ok_or_else(|| place.at("priced_like").wrong(host, TEXT))?;
        let (host, maker) = (name::provider(host), name::provider(maker));
        layer.priced_like.insert(host, maker);
    }
    Ok(())
}

fn read_providers(value: &Value, place: &Place, layer: &mut Layer) -> Result<(), PriceTableError> {
    for (provider, models) in object(value, place, "providers")? {
        let place = place.at("providers");
        let models = object(models, &place, provider)?;
        for (model, row) in models {
            let row = object(row, &place.at(provider), model)?;
            let price = read_model(row, &Place::model(provider, model))?;
            layer.insert(provider, model, price);
        }
    }
    Ok(())
}

fn read_model(row: &Map<String, Value>, place: &Place) -> Result<ModelPrice, PriceTableError> {
    let rates = read_rates(row, place)?.ok_or_else(|| place.wrong("input", GIVEN))?;
    let mut price = read_long(row, place, ServiceTier::Standard, ModelPrice::new(rates))?;
    for (field, value) in row {
        let tier = ServiceTier::ALL.into_iter().skip(1);
        if let Some(tier) = { tier }.find(|tier| tier.name() == field) {
            let rows = object(value, place, field)?;
            let place = place.at(field);
            if let Some((unknown, _)) = rows
                .iter()
                .find(|(field, _)| *field != ABOVE && Class::from_name(field).is_none())
            {
                return Err(place.wrong(unknown, KNOWN));
            }
            if let Some(rates) = read_rates(rows, &place)? {
                price = price.tier(tier, rates);
            }
            price = read_long(rows, &place, tier, price)?;
            continue;
        }
        let tokens = || value.as_u64().ok_or_else(|| place.wrong(field, TOKENS));
        match field.as_str() {
            MAX_INPUT => price = price.max_input_tokens(tokens()?),
            MAX_OUTPUT => price = price.max_output_tokens(tokens()?),
            ABOVE => {}
            class if Class::from_name(class).is_some() => {}
            _ => return Err(place.wrong(field, KNOWN)),
        }
    }
    Ok(price)
}

/// The rates that stand directly in an object. `None` if there are none at all.
fn read_rates(row: &Map<String, Value>, place: &Place) -> Result<Option<Rates>, PriceTableError> {
    let mut prices = [None; Class::ALL.len()];
    for class in Class::ALL {
        if let Some(value) = row.get(class.name()) {
            let price = price(value, decimal::PER_MILLION_TOKENS, Beyond::Refused);
            prices[class as usize] = Some(price.ok_or_else(|| place.wrong(class.name(), PRICE))?);
        }
    }
    if prices == [None; Class::ALL.len()] {
        return Ok(None);
    }
    let given =
        |class: Class| prices[class as usize].ok_or_else(|| place.wrong(class.name(), GIVEN));
    let rates = Rates::of_one(given(Class::Input)?, given(Class::Output)?);
    let rates = Class::ALL.into_iter().fold(rates, |rates, class| {
        prices[class as usize].map_or(rates, |price| rates.set(class, price))
    });
    Ok(Some(rates))
}

fn read_long(
    row: &Map<String, Value>,
    place: &Place,
    tier: ServiceTier,
    mut price: ModelPrice,
) -> Result<ModelPrice, PriceTableError> {
    let Some(value) = row.get(ABOVE) else {
        return Ok(price);
    };
    let rows = object(value, place, ABOVE)?;
    let place = place.at(ABOVE);
    for (above, row) in rows {
        let threshold = above
            .parse()
            .map_err(|_not_a_number: std::num::ParseIntError| place.wrong(above, TOKENS))?;
        let row = object(row, &place, above)?;
        let place = place.at(above);
        if let Some(unknown) = row.keys().find(|field| Class::from_name(field).is_none()) {
            return Err(place.wrong(unknown, KNOWN));
        }
        let rates = read_rates(row, &place)?.ok_or_else(|| place.wrong("input", GIVEN))?;
        price = price.card(tier, Some(threshold), rates);
    }
    Ok(price)
}

/// A number, or text that holds one. A JSON number passes through a float here: its shortest text
/// is the one that was read, as long as that has at most 15 digits.
pub(crate) fn price(value: &Value, places: i32, beyond: Beyond) -> Option<Cost> {
    let picodollars = match value {
        Value::Number(number) => decimal::parse(&number.to_string(), places, beyond),
        Value::String(text) => decimal::parse(text, places, beyond),
        _ => None,
    };
    picodollars.map(Cost::from_picodollars)
}
