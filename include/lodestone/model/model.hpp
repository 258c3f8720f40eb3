#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "lodestone/core/types.hpp"
#include "lodestone/model/dataset.hpp"
#include "lodestone/model/family.hpp"
#include "lodestone/model/network.hpp"
#include "lodestone/model/sign_constraints.hpp"
#include "lodestone/model/standardization.hpp"
#include "lodestone/model/table.hpp"

namespace lodestone {

/// One ridge function amplitude · relu(direction·x + bias), in the columns' own units.
struct Feature {
  Vector direction;  ///< d, in 1/(units of the column)
  double bias = 0.0;
  double amplitude = 0.0;  ///< in units of the target; of several outputs the length of
                           ///< `amplitudes` in units of their deviations
  Vector amplitudes = {};  ///< several outputs: q, each in its own unit; one: empty
};

/// One of several outputs of a model.
struct Output {
  std::string name;  ///< of the target, or of the class
  Affine affine;     ///< of its score
};

/// Features in a row that share one direction, up to sign, and are one smooth function of it,
/// linear between knots (docs/math.md, 9.8).
struct Ridge {
  Index first = 0;  ///< of its features
  Index count = 0;
  double degrees_of_freedom = 0.0;  ///< effective, of the spline
  /// By how much the training error grows without it when the others are fitted again, as a share
  /// of the target's variance.
  double explained = 0.0;
};

/// Where a model came from; everything here is for people, nothing for prediction.
struct Provenance {
  std::string lodestone_version;
  std::string command;
  std::string source;  ///< teacher or data file
  std::uint64_t seed = 0;
  double lambda = 0.0;  ///< λ of the standardized problem at which it was taken
  double lambda_in_target_units = 0.0;
  Index rows = 0;  ///< training rows; 0 for a population
};

/// A trained predictor in original units: the score α + β·x + Σ features, told as its family tells
/// scores. What is written is what predicts, so a model read back predicts to the last bit. Where
/// training had an offset, a known part of each row's score, every score has its row's added.
struct Model {
  std::vector<std::string> columns;  ///< d input names; "column=value" for text, "column is
                                     ///< missing" for an indicator
  std::vector<Encoding> encodings;   ///< of text columns
  /// What stands for missing values: one for each column of the table, or none: they are refused.
  std::vector<Imputation> imputations;
  std::string target;
  Family family;                     ///< of the target: what a score means
  std::vector<std::string> classes;  ///< the texts that 0, 1, ... stand for, or none
  std::string offset_column;         ///< of the known part of a score; empty: scores have none
  Affine affine;                     ///< of one output; of several zero, and `outputs` has theirs
  std::vector<Output> outputs = {};  ///< several outputs: q > 1 of them, one a class for the
                                     ///< softmax family; one output: empty
  std::vector<Feature> features;
  SignConstraints constraints;  ///< of the columns: where the score is to be monotone, and is
  std::vector<Ridge> ridges;    ///< of all features in their order, or none: each stands for itself
  Standardization standardization;
  bool biases = false;  ///< neurons have a bias of their own, penalized like a weight; without it a
                        ///< feature's bias only says where the centre of the columns is
  ColumnRanges ranges;  ///< of the training rows; empty for populations and networks from elsewhere
  Provenance provenance;

  /// The number of inputs, d.
  Index dimension() const { return affine.beta.size(); }

  Index output_count() const { return outputs.empty() ? 1 : static_cast<Index>(outputs.size()); }

  /// One output as a model of its own: its score, under the square loss. Of one output the model
  /// itself.
  Model output(Index k) const;

  /// The number of functions that a reader is shown: of ridges, or of features where there are
  /// none.
  Index shown_count() const {
    return static_cast<Index>(ridges.empty() ? features.size() : ridges.size());
  }

  /// Predictions for n rows X (n×d, columns in the model's order): scores, for the logistic family
  /// the probability of 1, for counts their mean. `offset` has a number for each row, or none.
  /// Throws InvalidArgument for another number of columns or offsets, and for a model that needs
  /// an offset when none is given, and for a model of several outputs.
  Vector predict(const Eigen::Ref<const Matrix>& X, const Vector& offset = {}) const;

  /// The same of all outputs, n×q: each target's prediction, or the probability of each class. Of
  /// one output predict().
  Matrix predict_outputs(const Eigen::Ref<const Matrix>& X, const Vector& offset = {}) const;

  /// The scores of all outputs, n×q.
  Matrix output_scores(const Eigen::Ref<const Matrix>& X, const Vector& offset = {}) const;

  /// The scores α + β·x + Σ features + offset themselves, n.
  Vector scores(const Eigen::Ref<const Matrix>& X, const Vector& offset = {}) const;

  /// The same predictions, for rows that nobody has looked at: says in `finite` whether all of them
  /// are. A NaN or an infinity in X makes its row's prediction one of them, whatever the model, so
  /// this looks at X too; the numbers of a finite X can also be too large for float64.
  Vector predict(const Eigen::Ref<const Matrix>& X, bool& finite, const Vector& offset = {}) const;

  /// Picks the model's columns out of a table of numbers by name, or by position when the table has
  /// no names. (read_inputs does it for files, where columns may hold text.) Throws InvalidArgument
  /// naming a missing column.
  Matrix select_columns(const Table& table) const;
};

/// What a reader of predictions should know of their inputs X (n×d, the model's columns): how many
/// rows lie further outside the training range of a column than half its width, if any, and which
/// column is to blame for most of them. A ReLU network goes on linearly there, whatever the target
/// does.
std::vector<Warning> extrapolation_warnings(const Model& model, const Matrix& X);

/// Takes a network trained in standardized coordinates (rows of W p long, or p + 1 with a bias)
/// with its affine part to original units (docs/math.md, 3.1), for people: features have unit
/// length (with the bias) in standardized coordinates, the largest amplitude comes first, and
/// neurons without mass are left out. Columns are named x0, x1, ..., the target not at all.
Model to_original_units(const Network& network, const Affine& affine, bool biases,
                        const Standardization& standardization);

/// The same for several outputs, an affine part for each; they have no names yet.
Model to_original_units(const Network& network, const std::vector<Affine>& affines, bool biases,
                        const Standardization& standardization);

/// The same neuron by neuron: feature i is neuron i, its layers as they are, so that a change of
/// coordinates gives back θ.
Model neurons_in_original_units(const Network& network, const Affine& affine, bool biases,
                                const Standardization& standardization);

/// One neuron a · relu(w·x̃) of the standardized problem in original units.
Feature feature_in_original_units(double a, const Vector& w, bool biases,
                                  const Standardization& standardization);

/// The way back: a network in the coordinates of the model's standardization (whose map is taken
/// from centre and scale where it is empty), a neuron a feature. Columns that were constant in
/// training keep their own unit. Throws InvalidArgument when a feature has a direction that the
/// standardization leaves out, or a bias that a model without biases cannot have.
struct StandardizedModel {
  Network network;                  ///< rows of W p long, p + 1 with biases
  Affine affine;                    ///< α and β as they are in the model, p
  Standardization standardization;  ///< with its map
};
StandardizedModel to_standardized(const Model& model);

/// A network trained elsewhere as a model: Σ a_i relu(W_i·x + b_i) + alpha + beta·x in the data's
/// own units, for m rows of W (m×d). Nothing is standardized; columns are named x0, x1, ..., the
/// target y. An empty b says that neurons have no biases, an empty beta that there is no linear
/// part. Throws InvalidArgument for sizes that do not match.
Model model_of_network(const Vector& a, const Matrix& W, const Vector& b = {}, double alpha = 0.0,
                       const Vector& beta = {});

/// A network trained elsewhere, from the arrays of an NPZ file: `a` (m) and `W` (m×d), with `b` (m)
/// where neurons have biases, `alpha` and `beta` (d) where there is an affine part; or what
/// scikit-learn's MLPRegressor exports, `coefs_0` (d×m), `intercepts_0` (m), `coefs_1` (m×1),
/// `intercepts_1` (1); or a PyTorch state_dict of two linear layers around a ReLU, `0.weight`
/// (m×d), `0.bias` (m), `2.weight` (1×m), `2.bias` (1), under this or any other prefix and numbers.
/// In the data's own units: nothing is standardized; columns are named x0, x1, .... Throws
/// FileError naming the array that is missing or has another shape.
Model read_network_arrays(const std::string& path);

/// model.json and network.json: versioned, readable by a person. The standardization's map is
/// written only where it is whitening, and otherwise empty after reading (prediction needs none).
/// Writing is whole or not at all; reading throws FileError for a missing, damaged or newer file.
void write_model(const std::string& path, const Model& model);
Model read_model(const std::string& path);

}  // namespace lodestone
