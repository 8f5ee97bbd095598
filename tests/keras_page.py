"""The calls of Keras's page on initializers, https://keras.io/api/layers/initializers/."""

# Class → its call in the page's example.
EXAMPLES = {
    "RandomNormal": "RandomNormal(mean=0.0, stddev=1.0)",
    "RandomUniform": "RandomUniform(minval=0.0, maxval=1.0)",
    "TruncatedNormal": "TruncatedNormal(mean=0., stddev=1.)",
    "Zeros": "Zeros()",
    "Ones": "Ones()",
    "GlorotNormal": "GlorotNormal()",
    "GlorotUniform": "GlorotUniform()",
    "HeNormal": "HeNormal()",
    "HeUniform": "HeUniform()",
    "Orthogonal": "Orthogonal()",
    "Constant": "Constant(10.)",
    "VarianceScaling": "VarianceScaling(\n    scale=0.1, mode='fan_in', distribution='uniform')",
    "LecunNormal": "LecunNormal()",
    "LecunUniform": "LecunUniform()",
    "Identity": "Identity()",
}
