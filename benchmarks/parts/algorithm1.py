"""Algorithm 1 as its numpy or PyTorch user would write it: whole arrays, every neuron computed.

The same steps as `lodestone train` (docs/math.md, 4): a symmetric start, one gradient step, a ridge
regression and balance, then gradient descent with the same automatic step, the same epochs and the same
halving of the weight decay. Only λ_start is given: the program measures it with its certificates.
"""

import math

SUFFICIENT_DECREASE = 0.1
STEP_GROWTH, STEP_SHRINK = 1.02, 0.7
LOSSES_COMPARED, LOSSES_KEPT, STAGNATION = 10, 100, 1e-3


class NumpyPopulation:
    """L and ∇L on the exact population of a teacher with unit directions (docs/math.md, 2)."""

    smooth = True

    def __init__(self, directions, amplitudes):
        import numpy as np

        self.xp = np
        self.directions, self.amplitudes = directions, amplitudes
        self.d = directions.shape[1]
        self.null_loss = 0.5 * amplitudes @ self.feature_gram(directions)[1]

    def arcs(self, U, V):
        xp = self.xp
        cosines = xp.clip(U @ V.T, -1, 1)
        return xp.sqrt((1 - cosines) * (1 + cosines)), xp.arcsin(cosines), cosines

    def field(self, U, V, weights):
        """1/(2π) Σ_q c_q [(sin θ − 1) u + asin(u·v_q) v_q] at unit rows u (docs/math.md, 2.3)."""
        sines, angles, _ = self.arcs(U, V)
        field = ((sines - 1) @ weights)[:, None] * U + (angles * weights) @ V
        return field / (2 * math.pi)

    def atoms(self, a, W):
        xp = self.xp
        norms = xp.sqrt((W**2).sum(axis=1))
        units = W / norms[:, None]
        return (
            xp.concatenate([units, self.directions]),
            xp.concatenate([a * norms, -self.amplitudes]),
            norms,
        )

    def evaluate(self, a, W):
        atoms, weights, norms = self.atoms(a, W)
        field = self.field(atoms, atoms, weights)
        values = (field * atoms).sum(axis=1)
        m = len(a)
        return 0.5 * weights @ values, values[:m] * norms, a[:, None] * field[:m]

    def target_field(self, U):
        """Gradient in u of E[(0 − y) relu(u·x)] at rows u of any length."""
        xp = self.xp
        units = U / xp.sqrt((U**2).sum(axis=1))[:, None]
        return self.field(units, self.directions, -self.amplitudes)

    def feature_gram(self, U):
        def kernel(V):
            sines, angles, cosines = self.arcs(U, V)
            return (sines + cosines * angles - 1) / (2 * math.pi)

        return kernel(U), kernel(self.directions) @ self.amplitudes


class TorchRows:
    """L and ∇L on rows, with the affine part at its optimum (docs/math.md, 3.2)."""

    smooth = False

    def __init__(self, X, y):
        import torch

        self.xp = torch
        self.X = torch.from_numpy(X)
        design = torch.cat([torch.ones(len(X), 1, dtype=self.X.dtype), self.X], 1)
        self.Q = torch.linalg.qr(design)[0]
        self.y = self.affine_free(torch.from_numpy(y))
        self.d = X.shape[1]

    def affine_free(self, values):
        return values - self.Q @ (self.Q.T @ values)

    def evaluate(self, a, W):
        torch = self.xp
        activations = torch.relu(self.X @ W.T)
        residual = self.affine_free(activations @ a) - self.y
        weighted = residual / len(residual)
        moments = ((activations > 0) * weighted[:, None]).T @ self.X
        return 0.5 * residual @ weighted, activations.T @ weighted, a[:, None] * moments

    def target_field(self, U):
        weighted = -self.y / len(self.y)
        return ((self.X @ U.T > 0) * weighted[:, None]).T @ self.X

    def feature_gram(self, U):
        columns = self.affine_free(self.xp.relu(self.X @ U.T))
        return columns.T @ columns / len(columns), columns.T @ self.y / len(columns)


def normals(seed, purpose, count):
    """The program's stream of normal numbers (Philox4x32-10, Box-Muller), so that both start alike."""
    import numpy as np

    label = 14695981039346656037
    for byte in purpose.encode():
        label = (label ^ byte) * 1099511628211 % 2**64
    half, low = np.uint64(32), np.uint64(0xFFFFFFFF)
    blocks = np.arange((count + 1) // 2, dtype=np.uint64)
    words = [blocks & low, blocks >> half, *(np.full_like(blocks, label >> shift & 0xFFFFFFFF) for shift in (0, 32))]
    keys = [seed & 0xFFFFFFFF, seed >> 32]
    for _ in range(10):
        first, second = words[0] * np.uint64(0xD2511F53), words[2] * np.uint64(0xCD9E8D57)
        words = [
            (second >> half) ^ words[1] ^ np.uint64(keys[0]), second & low,
            (first >> half) ^ words[3] ^ np.uint64(keys[1]), first & low,
        ]  # fmt: skip
        keys = [(keys[0] + 0x9E3779B9) % 2**32, (keys[1] + 0xBB67AE85) % 2**32]

    def uniform(below, above):
        return ((above << half | below) >> np.uint64(12)).astype(float) * 2.0**-52 + 2.0**-53

    radius = np.sqrt(-2 * np.log(uniform(words[0], words[1])))
    angle = 2 * np.pi * uniform(words[2], words[3])
    return np.column_stack([radius * np.cos(angle), radius * np.sin(angle)]).ravel()[:count]


def symmetric_start(objective, width, seed):
    """Pairs (a, w), (−a, w), |a| = ‖w‖ = m^-1/2, directions uniform, in the objective's arrays."""
    import numpy as np

    scale = width**-0.5
    half = normals(seed, "start", width // 2 * objective.d).reshape(width // 2, objective.d)
    half *= scale / np.linalg.norm(half, axis=1, keepdims=True)
    a, W = np.tile([scale, -scale], width // 2), np.repeat(half, 2, axis=0)
    if objective.xp is np:
        return a, W
    dtype = objective.X.dtype
    return tuple(objective.xp.from_numpy(array).to(dtype) for array in (a, W))


def run(objective, width, seed, lambda_start, tolerance, epoch_tolerance, end_of_epoch,
        out_of_time=lambda: False, max_epoch_steps=20000, max_epochs=40):
    """Stages 0 to 3 until the loss is at most `tolerance` at the end of an epoch, or `end_of_epoch(a, W)`
    says that it is enough. Returns (a, W, loss, steps, evaluations)."""
    xp = objective.xp
    a, W = symmetric_start(objective, width, seed)
    W = -a[:, None] * objective.target_field(W)
    W = W / xp.sqrt((W**2).sum(1))[:, None]

    K, b = objective.feature_gram(W)
    a = xp.linalg.solve(K + lambda_start * xp.eye(width, dtype=K.dtype), b)
    root = xp.sqrt(xp.abs(a))
    a, W = xp.sign(a) * root, root[:, None] * W

    lam = lambda_start
    loss, gradient_a, gradient_W = objective.evaluate(a, W)
    step = 1.0 / float((a**2).sum() + (W**2).sum())
    steps, evaluations = 0, 1
    for _ in range(max_epochs):
        recent = []
        for _ in range(max_epoch_steps):
            ga, gW = gradient_a + lam * a, gradient_W + lam * W
            squared = float((ga**2).sum() + (gW**2).sum())
            size = float((a**2).sum() + (W**2).sum())
            if squared**0.5 <= epoch_tolerance * lam * size**0.5:
                break
            if out_of_time():
                break
            if len(recent) == LOSSES_KEPT and recent[0] - recent[-1] <= STAGNATION * recent[-1]:
                break
            before = float(loss) + 0.5 * lam * size
            for _ in range(60):
                trial_a, trial_W = a - step * ga, W - step * gW
                trial = objective.evaluate(trial_a, trial_W)
                evaluations += 1
                after = float(trial[0]) + 0.5 * lam * float((trial_a**2).sum() + (trial_W**2).sum())
                if objective.smooth:
                    slope = float(
                        ((trial[1] + lam * trial_a) * ga).sum() + ((trial[2] + lam * trial_W) * gW).sum()
                    )
                    good = slope >= -(1 - 2 * SUFFICIENT_DECREASE) * squared
                    good = good and after <= before + 1e-10 * objective.null_loss
                else:
                    reference = max([before, *recent[-LOSSES_COMPARED:]])
                    good = after <= reference - SUFFICIENT_DECREASE * step * squared
                if good:
                    break
                step *= STEP_SHRINK
            else:
                return a, W, float(loss), steps, evaluations
            a, W = trial_a, trial_W
            loss, gradient_a, gradient_W = trial
            step *= STEP_GROWTH
            steps += 1
            if not objective.smooth:
                recent = [*recent[-(LOSSES_KEPT - 1):], after]
        if float(loss) <= tolerance or end_of_epoch(a, W) or out_of_time():
            break
        lam *= 0.5
    return a, W, float(loss), steps, evaluations
