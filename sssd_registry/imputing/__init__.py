"""Imputation: the missing values of series, as samples."""
