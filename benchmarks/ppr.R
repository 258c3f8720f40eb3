# Projection pursuit regression (Friedman and Stuetzle 1981; R's stats::ppr) for benchmarks/fit.py.
#
#   Rscript ppr.R manifest.csv
#
# Each line of the manifest is one fit: train, test (CSV files, target last; test may be empty),
# terms (a number, or "cv": 1 to max_terms by cross-validation), max_terms, smoother (supsmu, spline
# or gcvspline), optlevel (0 to 3), out (prefix of the files that are written):
#   out.directions.csv  one row a term: its scale beta, then its direction alpha in the columns' own
#                       units. ppr's ridge functions have unit variance over the training rows, so
#                       |beta| is the standard deviation of the term.
#   out.predictions.csv predictions for the rows of test
#   out.info.csv        terms used, seconds

folds <- 5

fit_ppr <- function(x, y, terms, job) {
  ppr(x, y,
      nterms = terms, max.terms = max(terms, job$max_terms),
      sm.method = job$smoother, optlevel = job$optlevel)
}

# The number of terms with the smallest cross-validated squared error; folds by row number after a
# fixed shuffle, so that every number of terms sees the same ones.
terms_by_cross_validation <- function(x, y, job) {
  set.seed(1)
  fold <- sample(rep_len(seq_len(folds), length(y)))
  errors <- vapply(seq_len(job$max_terms), function(terms) {
    mean(vapply(seq_len(folds), function(f) {
      held <- fold == f
      model <- fit_ppr(x[!held, , drop = FALSE], y[!held], terms, job)
      mean((predict(model, x[held, , drop = FALSE]) - y[held])^2)
    }, 0))
  }, 0)
  which.min(errors)
}

read_rows <- function(path) {
  table <- as.matrix(read.csv(path))
  list(x = table[, -ncol(table), drop = FALSE], y = table[, ncol(table)])
}

jobs <- read.csv(commandArgs(trailingOnly = TRUE)[1], stringsAsFactors = FALSE,
                 colClasses = c(test = "character", terms = "character"))
for (i in seq_len(nrow(jobs))) {
  job <- jobs[i, ]
  rows <- read_rows(job$train)
  centre <- colMeans(rows$x)
  scale <- apply(rows$x, 2, sd)
  scale[scale == 0] <- 1
  x <- sweep(sweep(rows$x, 2, centre), 2, scale, "/")

  start <- proc.time()[["elapsed"]]
  terms <- if (job$terms == "cv") terms_by_cross_validation(x, rows$y, job) else as.integer(job$terms)
  model <- fit_ppr(x, rows$y, terms, job)
  seconds <- proc.time()[["elapsed"]] - start

  directions <- cbind(beta = as.vector(model$beta), t(model$alpha / scale))
  write.csv(directions, paste0(job$out, ".directions.csv"), row.names = FALSE)
  write.csv(data.frame(terms = terms, seconds = seconds), paste0(job$out, ".info.csv"), row.names = FALSE)
  if (nzchar(job$test)) {
    test <- sweep(sweep(read_rows(job$test)$x, 2, centre), 2, scale, "/")
    write.csv(data.frame(prediction = predict(model, test)), paste0(job$out, ".predictions.csv"),
              row.names = FALSE)
  }
}
