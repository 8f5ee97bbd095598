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
        let dtype = take_text(&mut tensor, "dtype").unwrap().unwrap();
        (name, Spec::new(&shape).with_dtype(Dtype::from_name(&dtype).unwrap()))
    };
    tensors.into_iter().map(spec).collect()
}

#[test]
fn every_initializer_and_option_has_the_values_of_python() {
    let mut entry = golden("every");
    let shapes = table(take(&mut entry, "shapes").unwrap());
    let specs = || shapes.iter().map(|(name, shape)| (name.clone(), Spec::new(&shape_of(shape))));
    let (toml, json) =
        (take_text(&mut entry, "toml").unwrap().unwrap(), take_text(&mut entry, "json").unwrap().unwrap());
    let digest = take_text(&mut entry, "digest").unwrap().unwrap();
    for recipe in [Recipe::from_toml(&toml).unwrap(), Recipe::from_json(&json).unwrap()] {
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
    let recipe = Recipe::from_toml(&take_text(&mut entry, "toml").unwrap().unwrap()).unwrap();
    let digest = recipe.plan(specs_of("gpt2"), None).unwrap().digest().unwrap();
    assert_eq!(digest, take_text(&mut entry, "digest").unwrap().unwrap());
}

/// The last rows of every weight, which is what a checkpoint of 2.5 GB is made of.
#[test]
fn blocks_of_llama_are_those_of_python() {
    let mut entry = golden("llama");
    let recipe = Recipe::from_toml(&take_text(&mut entry, "toml").unwrap().unwrap()).unwrap();
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
    assert_eq!(digest.finish(), take_text(&mut entry, "digest").unwrap().unwrap());
}

#[test]
fn malformed_recipes_are_refused() {
    for (text, message) in [
        ("seed = ", "a recipe must be TOML"),
        ("rules = []", "a recipe must have the key 'seed'"),
        ("seed = 1", "a recipe must have the key 'rules'"),
        ("seed = 1.0\nrules = []", "`seed` must be an integer in [-2**127, 2**127), received: 1.0"),
        ("seed = 1\nrules = []\nname = 2", "a recipe must have no keys but comment, stream_version, seed"),
        ("stream_version = 2\nseed = 1\nrules = []", "`stream_version` must be 1, received: 2"),
        ("seed = 1\nrules = [1]", "rule 1: a rule must be a table of keys, received: 1"),
        ("seed = 1\nrules = [{ glob = 'a', regex = 'b', initializer = 'zeros' }]", "either 'glob' or 'regex'"),
        ("seed = 1\nrules = [{ regex = '(', initializer = 'zeros' }]", "`regex` must be a regular expression"),
        ("seed = 1\nrules = [{ glob = 'a', initializer = 'zeroes' }]", "rule 1: an initializer must be named"),
        ("seed = 1\nrules = [{ glob = 'a', initializer = 'stft' }]", "STFT is not in the Rust crate"),
        ("seed = 1\nrules = [{ glob = 'a', initializer = 'normal', config = { seed = 3 } }]", "must have no seed"),
        ("seed = 1\nrules = [{ glob = 'a', initializer = 'normal', config = { std = 3 } }]", "has no argument `std`"),
        ("seed = 1\nrules = [{ glob = 'a', initializer = 'normal', config = { stddev = -1 } }]", "`stddev` must be"),
        (
            "seed = 1\nrules = [{ glob = 'a', initializer = 'zeros', permute = [1, 1] }]",
            "`permute` must name each axis",
        ),
        ("seed = 1\nrules = [{ glob = 'a', initializer = 'zeros', name = 'b' }]", "no `name` without `stack`"),
        ("seed = 1\nrules = [{ glob = 'a', initializer = 'zeros', name = 'b', stack = 1 }]", "must contain {i}"),
        ("seed = 1\nrules = [{ glob = 'a', initializer = 'zeros', dtype = 'int8' }]", "`dtype` must be one of"),
        (
            "seed = 1\nrules = [{ glob = 'a', initializer = 'zeros' }, { glob = 'a', initializer = 'ones' }]",
            "received a as rule 1 and as rule 2",
        ),
    ] {
        let error = Recipe::from_toml(text).unwrap_err().to_string();
        assert!(error.contains(message), "{text}: {error}");
    }
    let twice = r#"{"seed": 1, "seed": 2, "rules": []}"#;
    assert!(Recipe::from_json(twice).unwrap_err().to_string().contains("'seed' stands twice"));
    let large = r#"{"seed": "170141183460469231731687303715884105727", "rules": []}"#;
    assert_eq!(Recipe::from_json(large).unwrap().seed(), i128::MAX);
}

#[test]
fn recipes_that_do_not_fit_a_model_are_refused() {
    let plan = |rules: &str, name: &str, shape: &[u64]| {
        let recipe = Recipe::from_toml(&format!("seed = 1\nrules = [{rules}]")).unwrap();
        recipe.plan([(name, Spec::new(shape))], None).unwrap_err().to_string()
    };
    let all = "{ glob = '*', initializer = 'zeros' }";
    let bias = "{ glob = '*.bias', initializer = 'zeros' }";
    assert!(
        plan(bias, "a.weight", &[2]).contains("a weight without a rule: 'a.weight'; rule 1 without a weight: *.bias")
    );
    assert!(plan(&format!("{all}, {bias}"), "a.bias", &[2]).contains("earlier rules already match every weight"));
    let he = "{ glob = '*', initializer = 'he_normal' }";
    assert!(plan(he, "a", &[2, 3]).contains("`convention` must be 'torch'"));
    let orthogonal = "{ glob = '*', initializer = 'orthogonal' }";
    assert!(plan(orthogonal, "a", &[2]).contains("weight 'a' cannot be made"));
    let large = "{ glob = '*', initializer = 'normal', config = { stddev = 1e5 }, dtype = 'float16' }";
    assert!(plan(large, "a", &[2]).contains("finite in float16"));
    assert!(plan("{ glob = '*', initializer = 'zeros', stack = 2 }", "a", &[2]).contains("at most the rank"));
    let recipe = Recipe::from_toml(&format!("seed = 1\nconvention = 'keras'\nrules = [{all}]")).unwrap();
    assert!(recipe.plan([("a", Spec::new(&[2]))], Some(Convention::Torch)).is_err());
    assert!(recipe.plan([("a", Spec::new(&[2])), ("a", Spec::new(&[2]))], None).is_err());
    let plan = recipe.plan([("a", Spec::new(&[2]))], None).unwrap();
    assert!(plan.weights()[0].fill(&mut [0.0f64; 2]).unwrap_err().to_string().contains("must be filled as float32"));
}
