#pragma once

#include <string_view>

// How the page of `lab` looks, and what it says before its first statement.
namespace lodestone::io {

inline constexpr std::string_view page_head =
    R"(<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Lodestone: the theory laboratory</title>
<style>
body { max-width: 52rem; margin: 2rem auto; padding: 0 1rem; font: 1rem/1.5 sans-serif;
       color: #222; background: #fff; }
h2 { margin-top: 3rem; border-top: 1px solid #ddd; padding-top: 1.5rem; }
code { font-size: 0.9em; }
h2 code { color: #666; font-weight: normal; }
.statement { font-size: 1.1rem; border-left: 4px solid #0072b2; padding-left: 1rem; }
.broken { border-left: 4px solid #d55e00; padding-left: 1rem; }
.holds, .fails { font-size: 0.85rem; font-weight: bold; border-radius: 0.3rem;
                 padding: 0.1rem 0.5rem; white-space: nowrap; color: #fff; }
.holds { background: #00704f; }
.fails { background: #b34700; }
figure { margin: 1.5rem 0; }
figure svg { width: 100%; height: auto; }
figcaption { color: #444; font-size: 0.95rem; }
table { border-collapse: collapse; width: 100%; margin: 1rem 0; }
th, td { text-align: left; padding: 0.3rem 0.6rem; border-bottom: 1px solid #ddd;
         vertical-align: top; }
dt { font-weight: bold; }
</style>
)";

inline constexpr std::string_view page_introduction =
    R"(<h1>How gradient descent learns features: the theory, measured</h1>
<p>A small hidden network, the <i>teacher</i>, makes a target out of Gaussian inputs. A wide network,
the <i>student</i>, is trained on that target by gradient descent with a weight decay λ that falls in
steps. Zhou and Ge (<i>How Does Gradient Descent Learn Features: A Local Analysis for Regularized
Two-Layer Neural Networks</i>, NeurIPS 2024) explain why the student's neurons end up pointing
exactly where the teacher's do. Below, each statement of that theory is an experiment on teachers
drawn at random: a number is measured, and held against a bound or an exponent that was computed
without it. The experiments can fail, and say so when they do.</p>
<p>Statements marked <i>reconstructed</i> were worked out from the paper's abstract and its list of
statements, not copied from it; their constants are derived or measured here.</p>
<dl>
<dt>Network, teacher</dt>
<dd>f(x) = Σ aᵢ relu(wᵢ·x) + α + β·x, with α and β always at their best; the teacher is
f*(x) = Σ a*ⱼ relu(w*ⱼ·x) with k neurons of unit length. R = f − f*, and ‖R‖² is the mean of R².</dd>
<dt>Loss</dt>
<dd>L = ½‖R‖², and with weight decay L_λ = L + ½λ(‖a‖² + ‖W‖²).</dd>
<dt>Mass</dt>
<dd>|aᵢ|‖wᵢ‖: how much a neuron contributes. A network is a distribution μ of signed mass over
directions. With every neuron balanced (|aᵢ| = ‖wᵢ‖) L_λ is P_λ(μ) = ½‖R‖² + λ|μ|, which is convex
in μ: there is a best value, and it can be certified.</dd>
<dt>Angle δ</dt>
<dd>δ(u) is the angle from a direction u to the nearest teacher, up to sign, from 0° to 90°; in
formulas, in radians.</dd>
<dt>Gap ζ</dt>
<dd>ζ = P_λ(μ) − min P_λ: how far from the best network of any width.</dd>
<dt>Dual certificate η</dt>
<dd>η(u) = E[p(x) relu(u·x)] for some function p: a landscape over directions that touches ±1 at the
teachers and stays below 1 − ρδ² elsewhere.</dd>
</dl>
<p>Clouds of more than two thousand dots are thinned in the pictures; the tables behind them, in
<code>data/</code>, have all.</p>
)";

}  // namespace lodestone::io
