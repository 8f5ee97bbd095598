//! Regular expressions of recipes as a class.

use crate::pattern::compile;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use regex::Regex;

/// A regular expression that matches whole names.
#[pyclass(module = "initializers._core", frozen)]
pub(crate) struct Pattern {
    text: String,
    regex: Regex,
}

#[pymethods]
impl Pattern {
    #[new]
    fn new(text: String) -> PyResult<Self> {
        let regex = compile(&text).map_err(PyValueError::new_err)?;
        Ok(Self { text, regex })
    }

    /// Returns whether the expression matches the whole name.
    fn fullmatch(&self, name: &str) -> bool {
        self.regex.is_match(name)
    }

    /// For pickle and copy.
    fn __getnewargs__(&self) -> (&str,) {
        (&self.text,)
    }
}
