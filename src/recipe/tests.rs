//! Recipes of the Python package: `tests/golden/recipes.json`, written by `tests/golden/make_recipes.py`.

use super::*;
use crate::float::tensor::TensorMut;
use crate::recipe::data::Table;
use crate::recipe::digest::Digest;
use half::bf16;
use std::path::Path;

fn read(path: &str) -> Data {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    read_json(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn table(data: Data) -> Table {
    match data {
        Data::Table(table) => table,
        other => panic!("no table: {other}"),
    }
}

/// The shortest digits of floats.
const FLOATS: [&str; 5] =
    ["233218.04773079514", "0.09734382274129787", "9.094870627958155e-07", "969.1423927307475", "91.44180024177263"];

fn take_text(table: &mut Table, key: &str) -> Option<String> {
    match take(table, key)? {
        Data::Text(text) => Some(text),
        other => panic!("no text: {other}"),
    }
}

fn shape_of(data: &Data) -> Vec<u64> {
    let Data::List(sizes) = data else { panic!("no shape: {data}") };
    let size = |size: &Data| match size {
        Data::Integer(size) => *size as u64,
        other => panic!("no size: {other}"),
    };
    sizes.iter().map(size).collect()
}

/// The recipe of that name in the golden file.
fn golden(name: &str) -> Table {
    let Data::List(all) = read("tests/golden/recipes.json") else { panic!("no list") };
    let found = all.into_iter().map(table).find(|entry| entry.contains(&("name".into(), Data::Text(name.into()))));
    found.expect("an entry")
}

/// The specs of a published model, from the Python package.
fn specs_of(model: &str) -> Vec<(String, Spec)> {
    let mut file = table(read(&format!("python/initializers/data/shapes/{model}.json")));
    let tensors = table(take(&mut file, "tensors").unwrap());
    let spec = |(name, tensor): (String, Data)| {
        let mut tensor = table(tensor);
        let shape = shape_of(&take(&mut tensor, "shape").unwrap());
        let dtype = take_text(&mut tensor, "dtype").unwrap();
        (name, Spec::new(&shape).with_dtype(Dtype::from_name(&dtype).unwrap()))
    };
    tensors.into_iter().map(spec).collect()
}

#[test]
fn every_initializer_and_option_has_the_values_of_python() {
    check_golden("every");
}

#[test]
fn transforms_arrays_and_integers_have_the_values_of_python() {
    check_golden("exact");
}

#[test]
fn initializers_for_sequence_models_have_the_values_of_python() {
    check_golden("sequences");
}

fn check_golden(name: &str) {
    let mut entry = golden(name);
    let shapes = table(take(&mut entry, "shapes").unwrap());
    let specs = || shapes.iter().map(|(name, shape)| (name.clone(), Spec::new(&shape_of(shape))));
    let (toml, json) = (take_text(&mut entry, "toml"), take_text(&mut entry, "json").unwrap());
    let digest = take_text(&mut entry, "digest").unwrap();
    for recipe in toml.iter().map(|toml| Recipe::from_toml(toml)).chain([Recipe::from_json(&json)]) {
        let recipe = recipe.unwrap();
        let plan = recipe.plan(specs(), None).unwrap();
        assert_eq!(plan.digest().unwrap(), digest);
        for weight in plan.weights().iter().filter(|weight| weight.dtype() == Dtype::Float32) {
            check_block(weight);
        }
    }
}

/// Compares a block with the whole weight: all but the first and the last index of every axis that has so many.
fn check_block(weight: &Weight) {
    let whole = ndarray::ArrayD::from_shape_vec(
        weight.shape().iter().map(|&size| size as usize).collect::<Vec<_>>(),
        weight.sample_vec::<f32>().unwrap(),
    );
    let whole = whole.unwrap();
    let inner =
        whole.slice_each_axis(|axis| if axis.len > 2 { (1..axis.len as isize - 1).into() } else { (..).into() });
    let start: Vec<u64> = whole.shape().iter().map(|&size| u64::from(size > 2)).collect();
    let mut block = inner.to_owned();
    block.fill(9.0);
    weight.fill_block(&start, &mut block).unwrap();
    assert_eq!(block, inner, "{}", weight.name());
}

#[test]
fn gpt2_is_that_of_python() {
    let mut entry = golden("gpt2");
    let recipe = Recipe::from_toml(&take_text(&mut entry, "toml").unwrap()).unwrap();
    let digest = recipe.plan(specs_of("gpt2"), None).unwrap().digest().unwrap();
    assert_eq!(digest, take_text(&mut entry, "digest").unwrap());
}

/// The last rows of every weight, which is what a checkpoint of 2.5 GB is made of.
#[test]
fn blocks_of_llama_are_those_of_python() {
    let mut entry = golden("llama");
    let recipe = Recipe::from_toml(&take_text(&mut entry, "toml").unwrap()).unwrap();
    let mut digest = Digest::new();
    for weight in recipe.plan(specs_of("llama-3.2-1b"), None).unwrap().weights() {
        let (mut shape, mut start) = (weight.shape().to_vec(), vec![0; weight.shape().len()]);
        shape[0] = shape[0].min(8);
        start[0] = weight.shape()[0] - shape[0];
        let mut values = vec![bf16::ZERO; shape.iter().product::<u64>() as usize];
        weight.fill_block(&start, TensorMut::new(&shape, &mut values).unwrap()).unwrap();
        let bytes: Vec<u8> = values.iter().flat_map(|x| x.to_le_bytes()).collect();
        digest.add(weight.name(), weight.dtype().name(), &shape, [bytes]);
    }
    assert_eq!(digest.finish(), take_text(&mut entry, "digest").unwrap());
}

/// The messages of both languages, on the same recipes: `tests/python/recipe/test_recipe_errors.py` reads the same file.
/// `rust` is a message that must differ, as it names what only one of them has.
#[test]
fn messages_are_those_of_python() {
    let Data::List(all) = read("tests/golden/recipe_errors.json") else { panic!("no list") };
    let mut wrong = Vec::new();
    for mut entry in all.into_iter().map(table) {
        let mut text = |key| take_text(&mut entry, key);
        let (name, toml, json) = (text("name").unwrap(), text("toml"), text("json"));
        let wanted = text("rust").or(text("message")).unwrap();
        let recipe = match (&toml, &json) {
            (Some(toml), None) => Recipe::from_toml(toml),
            (None, Some(json)) => Recipe::from_json(json),
            _ => panic!("one text: {name}"),
        };
        let specs = |shapes| table(shapes).into_iter().map(|(name, shape)| (name, Spec::new(&shape_of(&shape))));
        let error = match take(&mut entry, "shapes") {
            Some(shapes) => recipe.unwrap().plan(specs(shapes), None).unwrap_err(),
            None => recipe.unwrap_err(),
        };
        if error.to_string() != wanted {
            wrong.push(format!("{name}\n  wanted: {wanted}\n  received: {error}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn numbers_of_128_bits_are_read() {
    let large =
        r#"{"seed": "170141183460469231731687303715884105727", "rules": [{"glob": "*", "initializer": "zeros"}]}"#;
    assert_eq!(Recipe::from_json(large).unwrap().seed(), i128::MAX);
}

/// A parser of JSON may miss the nearest float by its last bit.
#[test]
fn floats_of_json_are_read_exactly() {
    let text = |stddev: &str| {
        format!(
            r#"{{"seed": 1, "rules": [{{"glob": "*", "initializer": "normal", "config": {{"stddev": {stddev}}}}}]}}"#
        )
    };
    for stddev in FLOATS {
        let rule = Recipe::from_json(&text(stddev)).unwrap().rules[0].clone();
        assert_eq!(rule.named.text, format!("RandomNormal(stddev={stddev})"));
    }
}

#[test]
fn what_only_python_has_is_refused() {
    let read = |rule: &str| Recipe::from_toml(&format!("seed = 1\nrules = [{{ glob = '*', {rule} }}]"));
    for (rule, message) in [
        ("initializer = 'stft', config = { window = 'blackman' }", "no windows of SciPy, received: 'blackman'"),
        ("initializer = 'zeros', dtype = 'complex64'", "`dtype` must not be complex in the Rust crate"),
        ("initializer = { class_name = 'function', config = 'mine' }", "'mine' is not registered"),
    ] {
        let error = read(rule).unwrap_err().to_string();
        assert!(error.contains(message), "{error}");
    }
}

#[test]
fn recipes_that_do_not_fit_a_model_are_refused() {
    let recipe =
        Recipe::from_toml("seed = 1\nconvention = 'keras'\nrules = [{ glob = '*', initializer = 'zeros' }]").unwrap();
    let refusal = |spec: Spec, convention| recipe.plan([("a", spec)], convention).unwrap_err().to_string();
    let text = "`convention` must be the recipe's, 'keras', received: 'torch'";
    assert_eq!(refusal(Spec::new(&[2]), Some(Convention::Torch)), text);
    let text = "`padding` must name rows of shape (3, 2), received: [0, 3]";
    assert_eq!(refusal(Spec::new(&[3, 2]).with_padding(&[0, 3]), None), text);
    assert_eq!(refusal(Spec::new(&[]).with_padding(&[0]), None), "`padding` must name rows of shape (), received: [0]");
    let twice = recipe.plan([("a", Spec::new(&[2])), ("a", Spec::new(&[2]))], None).unwrap_err();
    assert_eq!(twice.to_string(), "a name must stand once, received twice: 'a'");
    let plan = recipe.plan([("a", Spec::new(&[2]))], None).unwrap();
    let error = plan.weights()[0].fill(&mut [0.0f64; 2]).unwrap_err().to_string();
    assert_eq!(error, "weight 'a' must be filled as float32, received memory of float64");
    let error = recipe.weight("b", &Spec::new(&[2]).with_dtype(Dtype::Int8), None).unwrap().sample_vec::<u8>();
    assert_eq!(error.unwrap_err().to_string(), "weight 'b' must be filled as int8, received memory of uint8");
}

#[test]
fn padding_is_zero_in_every_block() {
    let recipe = Recipe::from_toml("seed = 1\nrules = [{ glob = '*', initializer = 'normal' }]").unwrap();
    let spec = Spec::new(&[5, 3]);
    let plain: Vec<f32> = recipe.weight("a", &spec, None).unwrap().sample_vec().unwrap();
    let padded = recipe.weight("a", &spec.with_padding(&[1, 4]), None).unwrap();
    let values: Vec<f32> = padded.sample_vec().unwrap();
    for (row, (values, plain)) in values.chunks(3).zip(plain.chunks(3)).enumerate() {
        assert_eq!(values, if row == 1 || row == 4 { &[0.0; 3] } else { plain });
    }
    let mut block = [9.0f32; 4];
    padded.fill_block(&[3, 1], TensorMut::new(&[2, 2], &mut block).unwrap()).unwrap();
    assert_eq!(block, [values[10], values[11], 0.0, 0.0]);
}
