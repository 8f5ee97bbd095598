//! A small Transformer in candle, initialized by a recipe and trained on handwritten digits.
//!
//! candle's layers ask a `VarBuilder` for their weights, by name and shape. [`FromRecipe`] answers with those of a recipe:
//! the same bits as in Python, on every machine.

#[path = "../../digits/digits.rs"]
mod digits;

use candle_core::{D, DType, Device, Error, Result, Shape, Tensor, Var, WithDType};
use candle_nn::var_builder::SimpleBackend;
use candle_nn::{AdamW, LayerNorm, Linear, Module, Optimizer, ParamsAdamW, VarBuilder};
use candle_nn::{Init, layer_norm, linear, loss, ops};
use digits::{BATCH, EPOCHS, HEADS, HIDDEN, LAYERS, LOSS, SIDE, TRAIN, WIDTH};
use half::{bf16, f16};
use initializers::{Convention, Digest, Dtype, Element, Recipe, Spec};
use std::sync::{Arc, Mutex};

/// Weights of a recipe, made when a layer asks for them.
#[derive(Clone)]
struct FromRecipe {
    recipe: Arc<Recipe>,
    /// The weights so far, in the order in which they were made.
    made: Arc<Mutex<Vec<(String, Var)>>>,
}

impl FromRecipe {
    fn new(recipe: Recipe) -> Self {
        Self { recipe: Arc::new(recipe), made: Arc::default() }
    }

    fn variables(&self) -> Vec<(String, Var)> {
        self.made.lock().unwrap().clone()
    }

    /// Returns the SHA-256 of all weights, as `initializers.digest` computes it in Python.
    fn digest(&self) -> Result<String> {
        let mut digest = Digest::new();
        for (name, variable) in self.variables() {
            let shape: Vec<u64> = variable.dims().iter().map(|&size| size as u64).collect();
            let values: Vec<f32> = variable.flatten_all()?.to_vec1()?;
            let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
            digest.add(&name, "float32", &shape, [bytes]);
        }
        Ok(digest.finish())
    }

    fn make<T: Element + WithDType>(&self, name: &str, shape: &Shape, dtype: Dtype, device: &Device) -> Result<Tensor> {
        let sizes: Vec<u64> = shape.dims().iter().map(|&size| size as u64).collect();
        let spec = Spec::new(&sizes).with_dtype(dtype);
        let weight = self.recipe.weight(name, &spec, Some(Convention::Torch)).map_err(Error::wrap)?;
        Tensor::from_vec(weight.sample_vec::<T>().map_err(Error::wrap)?, shape.clone(), device)
    }
}

impl SimpleBackend for FromRecipe {
    /// The hint of the layer, such as Kaiming's bounds, is not used: the recipe decides.
    fn get(&self, shape: Shape, name: &str, _: Init, dtype: DType, device: &Device) -> Result<Tensor> {
        if let Some((_, variable)) = self.made.lock().unwrap().iter().find(|(other, _)| other == name) {
            return Ok(variable.as_tensor().clone());
        }
        let values = match dtype {
            DType::F32 => self.make::<f32>(name, &shape, Dtype::Float32, device),
            DType::F64 => self.make::<f64>(name, &shape, Dtype::Float64, device),
            DType::F16 => self.make::<f16>(name, &shape, Dtype::Float16, device),
            DType::BF16 => self.make::<bf16>(name, &shape, Dtype::BFloat16, device),
            other => Err(Error::Msg(format!("'{name}' must be a float, received: {other:?}"))),
        }?;
        let variable = Var::from_tensor(&values)?;
        self.made.lock().unwrap().push((name.to_owned(), variable.clone()));
        Ok(variable.into_inner())
    }

    fn get_unchecked(&self, name: &str, _: DType, _: &Device) -> Result<Tensor> {
        Err(Error::Msg(format!("'{name}' must be asked for with its shape, which its values depend on")))
    }

    fn contains_tensor(&self, name: &str) -> bool {
        self.recipe.rules().iter().any(|rule| rule.matches(name))
    }
}

struct Attention {
    query: Linear,
    key: Linear,
    value: Linear,
    output: Linear,
}

impl Attention {
    fn new(weights: VarBuilder) -> Result<Self> {
        let project = |name| linear(WIDTH, WIDTH, weights.pp(name));
        Ok(Self {
            query: project("query")?,
            key: project("key")?,
            value: project("value")?,
            output: project("output")?,
        })
    }

    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let (batch, tokens, _) = x.dims3()?;
        let split = |layer: &Linear| {
            layer.forward(x)?.reshape((batch, tokens, HEADS, WIDTH / HEADS))?.transpose(1, 2)?.contiguous()
        };
        let (query, key, value) = (split(&self.query)?, split(&self.key)?, split(&self.value)?);
        let scores = (query.matmul(&key.t()?)? / ((WIDTH / HEADS) as f64).sqrt())?;
        let mixed = ops::softmax(&scores, D::Minus1)?.matmul(&value)?;
        self.output.forward(&mixed.transpose(1, 2)?.reshape((batch, tokens, WIDTH))?)
    }
}

struct Layer {
    mha: Attention,
    linear_inner: Linear,
    linear_outer: Linear,
    norm_1: LayerNorm,
    norm_2: LayerNorm,
}

impl Layer {
    fn new(weights: VarBuilder) -> Result<Self> {
        Ok(Self {
            mha: Attention::new(weights.pp("mha"))?,
            linear_inner: linear(WIDTH, HIDDEN, weights.pp("pwff.linear_inner"))?,
            linear_outer: linear(HIDDEN, WIDTH, weights.pp("pwff.linear_outer"))?,
            norm_1: layer_norm(WIDTH, 1e-5, weights.pp("norm_1"))?,
            norm_2: layer_norm(WIDTH, 1e-5, weights.pp("norm_2"))?,
        })
    }

    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let x = (x + self.mha.forward(&normalize(&self.norm_2, x)?)?)?;
        let hidden = self.linear_inner.forward(&normalize(&self.norm_1, &x)?)?.gelu_erf()?;
        &x + self.linear_outer.forward(&hidden)?
    }
}

/// Normalizes by operations that have a gradient: `LayerNorm::forward` is fused, and has none.
fn normalize(norm: &LayerNorm, x: &Tensor) -> Result<Tensor> {
    let bias = norm.bias().expect("a bias, as it was asked for");
    ops::layer_norm_slow(x, norm.weight(), bias, norm.eps() as f32)
}

/// A Transformer whose tokens are the rows of an image. Its names are those of burn's layers.
struct Classifier {
    embed: Linear,
    position: Tensor,
    layers: Vec<Layer>,
    norm: LayerNorm,
    head: Linear,
}

impl Classifier {
    fn new(weights: VarBuilder) -> Result<Self> {
        Ok(Self {
            embed: linear(SIDE, WIDTH, weights.pp("embed"))?,
            position: weights.get((SIDE, WIDTH), "position")?,
            layers: (0..LAYERS)
                .map(|i| Layer::new(weights.pp(format!("encoder.layers.{i}"))))
                .collect::<Result<_>>()?,
            norm: layer_norm(WIDTH, 1e-5, weights.pp("norm"))?,
            head: linear(WIDTH, 10, weights.pp("head"))?,
        })
    }

    fn forward(&self, images: &Tensor) -> Result<Tensor> {
        let mut x = self.embed.forward(images)?.broadcast_add(&self.position)?;
        for layer in &self.layers {
            x = layer.forward(&x)?;
        }
        self.head.forward(&normalize(&self.norm, &x)?.mean(1)?)
    }
}

fn load(range: std::ops::Range<usize>) -> Result<(Tensor, Tensor)> {
    let (pixels, labels) = digits::load(range);
    let count = labels.len();
    let labels = labels.into_iter().map(u32::from).collect();
    let images = Tensor::from_vec(pixels, (count, SIDE, SIDE), &Device::Cpu)?;
    Ok((images, Tensor::from_vec(labels, count, &Device::Cpu)?))
}

fn main() -> Result<()> {
    let recipe = Recipe::from_toml(include_str!("../../digits/recipe.toml")).map_err(Error::wrap)?;
    let weights = FromRecipe::new(recipe);
    let model = Classifier::new(VarBuilder::from_backend(Box::new(weights.clone()), DType::F32, Device::Cpu))?;
    let digest = weights.digest()?;
    println!("candle: digest of the initial weights {}", &digest[..16]);
    digits::check_digest("candle", &digest);

    let (images, labels) = load(0..TRAIN)?;
    let first = loss::cross_entropy(&model.forward(&images)?, &labels)?.to_scalar::<f32>()?;
    println!("loss of the initial weights {first:.5}");
    let variables = weights.variables().into_iter().map(|(_, variable)| variable).collect();
    let mut optimizer = AdamW::new(variables, ParamsAdamW { lr: 3e-3, weight_decay: 0.0, ..Default::default() })?;
    let mut mean = f64::INFINITY;
    for epoch in 1..=EPOCHS {
        let mut sum = 0.0;
        for start in (0..TRAIN).step_by(BATCH) {
            let (batch, wanted) = (images.narrow(0, start, BATCH)?, labels.narrow(0, start, BATCH)?);
            let loss = loss::cross_entropy(&model.forward(&batch)?, &wanted)?;
            optimizer.backward_step(&loss)?;
            sum += f64::from(loss.to_scalar::<f32>()?);
        }
        mean = sum / (TRAIN / BATCH) as f64;
        println!("epoch {epoch}: loss {mean:.3}");
    }

    let (images, labels) = load(TRAIN..digits::count())?;
    let found = model.forward(&images)?.argmax(1)?;
    let right = found.eq(&labels)?.to_dtype(DType::F32)?.mean_all()?.to_scalar::<f32>()?;
    println!("right on images that it has not seen: {:.1} %", 100.0 * right);
    assert!(mean < LOSS, "the loss must fall below {LOSS}, received: {mean}");
    Ok(())
}
