//! A small Transformer in burn, initialized by a recipe and trained on handwritten digits.
//!
//! burn's initializers take no seed. [`FromRecipe`] goes through a module and replaces each parameter by the values of a
//! recipe, under its path: the same bits as in Python, on every machine. burn has not made any values by then, as its
//! parameters are lazy.

#[path = "../../digits/digits.rs"]
mod digits;

use burn::module::{Module, ModuleMapper, Param};
use burn::nn::loss::CrossEntropyLossConfig;
use burn::nn::transformer::{TransformerEncoder, TransformerEncoderConfig, TransformerEncoderInput};
use burn::nn::{Initializer, LayerNorm, LayerNormConfig, Linear, LinearConfig};
use burn::optim::{AdamConfig, GradientsParams};
use burn::tensor::{Device, Int, Tensor, TensorData};
use digits::{BATCH, EPOCHS, HEADS, HIDDEN, LAYERS, LOSS, SIDE, TRAIN, WIDTH};
use initializers::{Convention, Digest, Error, Recipe, Spec};

/// Initializes the parameters of a module by a recipe. Their names are their paths, such as `encoder.layers.0.norm_1.gamma`.
struct FromRecipe<'a> {
    recipe: &'a Recipe,
    path: Vec<String>,
    /// The SHA-256 of all parameters, as `initializers.digest` computes it in Python.
    digest: Digest,
    error: Option<Error>,
}

impl<'a> FromRecipe<'a> {
    /// Returns the module with its first values, and their digest.
    fn init<M: Module>(module: M, recipe: &'a Recipe) -> Result<(M, String), Error> {
        let mut mapper = Self { recipe, path: Vec::new(), digest: Digest::new(), error: None };
        let module = module.map(&mut mapper);
        mapper.error.map_or(Ok((module, mapper.digest.finish())), Err)
    }

    fn make<const D: usize>(&mut self, param: &Param<Tensor<D>>) -> Result<Tensor<D>, Error> {
        let shape = param.lazy_shape();
        let (name, sizes) = (self.path.join("."), shape.iter().map(|&size| size as u64).collect::<Vec<_>>());
        // burn's `Linear` keeps a matrix as (inputs, outputs).
        let weight = self.recipe.weight(&name, &Spec::new(&sizes), Some(Convention::Keras))?;
        let tensor = Tensor::from_data(TensorData::new(weight.sample_vec::<f32>()?, shape), &param.lazy_device());
        // The values are read back from the tensor, so the digest is of what the module holds.
        let data = tensor.to_data();
        self.digest.add(&name, "float32", &sizes, [data.as_bytes()]);
        Ok(tensor)
    }
}

impl ModuleMapper for FromRecipe<'_> {
    fn enter_module(&mut self, name: &str, _: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _: &str, _: &str) {
        self.path.pop();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        if self.error.is_some() {
            return param;
        }
        match self.make(&param) {
            Ok(tensor) => {
                let id = param.id;
                param.transform_for_load(tensor, id)
            }
            Err(error) => {
                self.error = Some(error);
                param
            }
        }
    }
}

/// A Transformer whose tokens are the rows of an image.
#[derive(Module, Debug)]
struct Classifier {
    embed: Linear,
    position: Param<Tensor<2>>,
    encoder: TransformerEncoder,
    norm: LayerNorm,
    head: Linear,
}

impl Classifier {
    fn new(device: &Device) -> Self {
        Self {
            embed: LinearConfig::new(SIDE, WIDTH).init(device),
            position: Initializer::Zeros.init([SIDE, WIDTH], device),
            encoder: TransformerEncoderConfig::new(WIDTH, HIDDEN, HEADS, LAYERS)
                .with_dropout(0.0)
                .with_norm_first(true)
                .init(device),
            norm: LayerNormConfig::new(WIDTH).init(device),
            head: LinearConfig::new(WIDTH, 10).init(device),
        }
    }

    fn forward(&self, images: Tensor<3>) -> Tensor<2> {
        let x = self.embed.forward(images) + self.position.val().unsqueeze();
        let x = self.encoder.forward(TransformerEncoderInput::new(x));
        self.head.forward(self.norm.forward(x).mean_dim(1).squeeze_dim(1))
    }
}

fn load(range: std::ops::Range<usize>, device: &Device) -> (Tensor<3>, Tensor<1, Int>) {
    let (pixels, labels) = digits::load(range);
    let count = labels.len();
    let labels: Vec<i64> = labels.into_iter().map(i64::from).collect();
    let images = TensorData::new(pixels, [count, SIDE, SIDE]);
    (Tensor::from_data(images, device), Tensor::from_data(TensorData::new(labels, [count]), device))
}

fn main() -> Result<(), Error> {
    let device = Device::flex().autodiff();
    let recipe = Recipe::from_toml(include_str!("../../digits/recipe.toml"))?;
    let (mut model, digest) = FromRecipe::init(Classifier::new(&device), &recipe)?;
    println!("burn: digest of the initial weights {}", &digest[..16]);
    digits::check_digest("burn", &digest);

    let (images, labels) = load(0..TRAIN, &device);
    let loss = CrossEntropyLossConfig::new().init(&device);
    let first = loss.forward(model.forward(images.clone()), labels.clone()).into_scalar::<f32>();
    println!("loss of the initial weights {first:.5}");
    let mut optimizer = AdamConfig::new().with_epsilon(1e-8).init();
    let mut mean = f64::INFINITY;
    for epoch in 1..=EPOCHS {
        let mut sum = 0.0;
        for start in (0..TRAIN).step_by(BATCH) {
            let (batch, wanted) = (images.clone().narrow(0, start, BATCH), labels.clone().narrow(0, start, BATCH));
            let loss = loss.forward(model.forward(batch), wanted);
            sum += f64::from(loss.clone().into_scalar::<f32>());
            let gradients = GradientsParams::from_grads(loss.backward(), &model);
            model = optimizer.step(3e-3, model, gradients);
        }
        mean = sum / (TRAIN / BATCH) as f64;
        println!("epoch {epoch}: loss {mean:.3}");
    }

    let (images, labels) = load(TRAIN..digits::count(), &device);
    let found: Tensor<1, Int> = model.forward(images).argmax(1).squeeze_dim(1);
    let right = found.equal(labels).float().mean().into_scalar::<f32>();
    println!("right on images that it has not seen: {:.1} %", 100.0 * right);
    assert!(mean < LOSS, "the loss must fall below {LOSS}, received: {mean}");
    Ok(())
}
