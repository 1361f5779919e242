"""Studies: they train and compare models, or report on a trained one."""
