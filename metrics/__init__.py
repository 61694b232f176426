"""Metrics: pure functions, many maps in, one value per map out; NaN is undefined, and nothing is averaged here."""

from dataclasses import dataclass

from metrics import confidence, dispersion, lift, localisation, perturbation, robustness, scatter, truth
from metrics.registry import CURVES, INPUTS, Metric, MetricError

__all__ = ["CURVES", "INPUTS", "METRICS", "PROTOCOLS", "Metric", "MetricError", "Protocol"]


@dataclass(frozen=True)
class Protocol:
    """A preset of the perturbation stage: the curves it needs and the family of metrics it provides."""

    curves: tuple[str, ...]
    meaning: str
    source: str


PROTOCOLS = {
    "rise": Protocol(
        ("deletion_mean", "insertion_blur"),
        "deletion onto the mean colour, insertion into the blurred image",
        "Petsiuk et al. 2018",
    ),
    "srg": Protocol(
        ("deletion_blur", "insertion_blur"),
        "insertion minus deletion under one shared substrate, the blurred image",
        "Bluecher et al. 2024",
    ),
    "road": Protocol(
        ("deletion_linear", "insertion_linear"),
        "insertion minus deletion, missing pixels imputed from their neighbours, with noise",
        "Rong et al. 2022",
    ),
}

UNIT = (0.0, 1.0)
ERROR = "discretisation error of the curve's area, estimated from every other point"

METRICS = {
    "deletion_auc": Metric(
        perturbation.deletion_auc, "Deletion AUC", "rise", "lower", UNIT, "probability",
        "the target's probability while the map's top pixels turn into the mean colour", "Petsiuk et al. 2018",
        validated="partly",
    ),
    "insertion_auc": Metric(
        perturbation.insertion_auc, "Insertion AUC", "rise", "higher", UNIT, "probability",
        "the target's probability while the map's top pixels appear in the blurred image", "Petsiuk et al. 2018",
        validated="yes",
    ),
    "deletion_auc_error": Metric(
        perturbation.deletion_auc_error, "Deletion AUC error", "rise", "none", UNIT, "probability", ERROR,
    ),
    "insertion_auc_error": Metric(
        perturbation.insertion_auc_error, "Insertion AUC error", "rise", "none", UNIT, "probability", ERROR,
    ),
    "srg_probability": Metric(
        perturbation.srg_probability, "SRG (probability)", "srg", "higher", (-1.0, 1.0), "probability",
        "insertion minus deletion AUC under one substrate; 0 for a random order", "Bluecher et al. 2024",
        validated="partly",
    ),
    "srg_margin": Metric(
        perturbation.srg_margin, "SRG (margin)", "srg", "higher", (None, None), "logits",
        "the same on the margin, which does not saturate; 0 for a random order", "Bluecher et al. 2024",
        validated="yes",
    ),
    "srg_probability_error": Metric(
        perturbation.srg_probability_error, "SRG (probability) error", "srg", "none", (0.0, 2.0), "probability", ERROR,
    ),
    "srg_margin_error": Metric(
        perturbation.srg_margin_error, "SRG (margin) error", "srg", "none", (0.0, None), "logits", ERROR,
    ),
    "road_probability": Metric(
        perturbation.road_probability, "ROAD (probability)", "road", "higher", (-1.0, 1.0), "probability",
        "least minus most relevant pixels imputed from the rest; 0 for a random order", "Rong et al. 2022",
    ),
    "road_margin": Metric(
        perturbation.road_margin, "ROAD (margin)", "road", "higher", (None, None), "logits",
        "the same on the margin, which does not saturate; 0 for a random order", "Rong et al. 2022",
    ),
    "road_probability_error": Metric(
        perturbation.road_probability_error, "ROAD (probability) error", "road", "none", (0.0, 2.0), "probability",
        ERROR,
    ),
    "road_margin_error": Metric(
        perturbation.road_margin_error, "ROAD (margin) error", "road", "none", (0.0, None), "logits", ERROR,
    ),
    "scatter": Metric(
        scatter.scatter, "Scatter", "dispersion", "none", (0.0, None), "random cells' scatter",
        "distance between the strongest 5 % of the cells: 0 the most compact set, 1 random cells",
    ),
    "scatter_10": Metric(
        scatter.scatter_10, "Scatter (10 %)", "dispersion", "none", (0.0, None), "random cells' scatter",
        "distance between the strongest 10 % of the cells: 0 the most compact set, 1 random cells",
    ),
    "compactness": Metric(
        scatter.compactness, "Compactness", "dispersion", "none", (None, None), "sorted map's compactness",
        "Moran's I between the map's own values shuffled (0) and sorted around the centre (1)", "Moran 1950",
    ),
    "mass_ratio": Metric(
        scatter.mass_ratio, "Mass ratio", "dispersion", "none", (0.0, None), "right class's mass",
        "mass of the wrong class's raw map over that of the right class's: near 0 the wrong map is faint",
        roles=("right",),
    ),
    "effective_area": Metric(
        dispersion.effective_area, "Effective area", "dispersion", "none", UNIT, "share of cells",
        "share of cells the map spreads over: 1 uniform, 1/N a single cell of N", "participation ratio",
    ),
    "entropy_area": Metric(
        dispersion.entropy_area, "Entropy area", "dispersion", "none", UNIT, "share of cells",
        "exponential of the map's entropy as a share of cells; counts faint mass more than the effective area",
    ),
    "rms_spread": Metric(
        dispersion.rms_spread, "RMS spread", "dispersion", "none", (0.0, 3**0.5), "uniform map's spread",
        "distance of the mass from its centroid, relative to a uniform map; high for several foci",
    ),
    "largest_component": Metric(
        dispersion.largest_component, "Largest component", "dispersion", "none", UNIT, "share of mass",
        "share of the mass above half the maximum in its heaviest connected patch: 1 is one focus",
    ),
    "empty": Metric(
        dispersion.empty, "Empty maps", "dispersion", "none", UNIT, "share of maps",
        "whether the map is zero everywhere; arguably ideal for the wrong class, a failure for the right one",
    ),
    "antisymmetry": Metric(
        dispersion.antisymmetry, "Antisymmetry", "dispersion", "none", (-1.0, 1.0), "correlation",
        "correlation of the two classes' score maps; near -1 the wrong-class map is the right one's complement",
        roles=("right", "present"),
    ),
    "signed_mirror_area": Metric(
        dispersion.signed_mirror_area, "Mirror area", "dispersion", "none", UNIT, "share of cells",
        "effective area of the negative part: what the wrong class's map would have were the two exact mirrors",
        roles=("right", "present"),
    ),
    "signed_mirror_scatter": Metric(
        scatter.signed_mirror_scatter, "Mirror scatter", "dispersion", "none", (0.0, None), "random cells' scatter",
        "scatter of the negative part: what the wrong class's map would have were the two exact mirrors",
        roles=("right", "present"),
    ),
    "signed_mirror_scatter_10": Metric(
        scatter.signed_mirror_scatter_10, "Mirror scatter (10 %)", "dispersion", "none", (0.0, None),
        "random cells' scatter", "scatter of the negative part over the strongest 10 % of the cells",
        roles=("right", "present"),
    ),
    "signed_mirror_compactness": Metric(
        scatter.signed_mirror_compactness, "Mirror compactness", "dispersion", "none", (None, None),
        "sorted map's compactness", "compactness of the negative part", roles=("right", "present"),
    ),
    "signed_mirror_energy": Metric(
        scatter.signed_mirror_energy, "Mirror energy on animal", "localisation", "none", UNIT, "share of mass",
        "share of the negative part's mass on the animal", roles=("right", "present"),
    ),
    "map_separation": Metric(
        dispersion.map_separation, "Map separation", "dispersion", "higher", UNIT, "1",
        "how little the two classes' maps overlap on an image of both", roles=("present",), validated="yes",
    ),
    "pointing_game": Metric(
        localisation.pointing_game, "Pointing game", "localisation", "higher", UNIT, "hit",
        "whether the highest pixel is within 15 px of the animal; an empty map is a miss", "Zhang et al. 2018",
        validated="partly",
    ),
    "energy_in_mask": Metric(
        localisation.energy_in_mask, "Energy on animal", "localisation", "higher", UNIT, "share of mass",
        "share of the map's mass on the animal; a uniform map has the mask area", "Wang et al. 2020", validated="yes",
    ),
    "energy_in_face": Metric(
        localisation.energy_in_face, "Energy in face", "localisation", "higher", UNIT, "share of mass",
        "share of the map's mass in the head box, where there is one", "Wang et al. 2020", validated="yes",
    ),
    "animal_lift": Metric(
        lift.animal_lift, "Lift on animal", "localisation", "higher", (-1.0, 1.0), "share of mass",
        "energy on the animal minus that of 12 other images' maps of the class in the same mask; 0 is chance",
    ),
    "face_lift": Metric(
        lift.face_lift, "Lift in face", "localisation", "higher", (-1.0, 1.0), "share of mass",
        "energy in the face minus that of 12 other images' maps of the class in the same box; 0 is chance",
    ),
    "mask_area": Metric(
        localisation.mask_area, "Mask area", "localisation", "none", UNIT, "share of pixels",
        "share of the image that is animal: the energy of a uniform map",
    ),
    "off_target_mass": Metric(
        localisation.off_target_mass, "Off-target mass", "localisation", "none", UNIT, "share of mass",
        "share of the wrong class's map beside the animal", roles=("wrong",),
    ),
    "own_animal_share": Metric(
        localisation.own_animal_share, "Own-animal share", "localisation", "higher", UNIT, "share of mass",
        "on an image of both: mass on the target's own animal over mass on either", roles=("present",),
        validated="yes",
    ),
    "rank_accuracy": Metric(
        localisation.rank_accuracy, "Rank accuracy", "localisation", "higher", UNIT, "share of pixels",
        "share of the top K pixels on the animal, K its size", "Arras et al. 2022", validated="yes",
    ),
    "pxap": Metric(
        localisation.pxap, "PxAP per image", "localisation", "higher", UNIT, "precision",
        "average precision of the map as a score of animal pixels, image by image", "Choe et al. 2020",
        validated="yes",
    ),
    "average_drop": Metric(
        confidence.average_drop, "Average drop", "confidence", "lower", UNIT, "share of p",
        "relative loss of probability when the image is masked by its map; rewards broad maps",
        "Chattopadhay et al. 2018", validated="partly",
    ),
    "increase": Metric(
        confidence.increase, "Increase in confidence", "confidence", "higher", UNIT, "share of images",
        "whether the masked image is more confident; rewards broad maps", "Chattopadhay et al. 2018",
        validated="partly",
    ),
    "average_gain": Metric(
        confidence.average_gain, "Average gain", "confidence", "higher", UNIT, "share of 1 - p",
        "relative gain of probability when masked by the map; rewards broad maps", "Zhang et al. 2023",
        validated="partly",
    ),
    "map_area": Metric(
        confidence.map_area, "Map area", "confidence", "none", UNIT, "share of pixels",
        "mean of the scaled map: what the confidence metrics let through; the complexity of ADCC", "Poppi et al. 2021",
    ),
    "coherency": Metric(
        confidence.coherency, "Coherency", "confidence", "higher", UNIT, "(1 + correlation) / 2",
        "correlation of the map and that of the image masked by it; 1 for a map that ignores the image",
        "Poppi et al. 2021", validated="no",
    ),
    "adcc": Metric(
        confidence.adcc, "ADCC", "confidence", "higher", UNIT, "harmonic mean",
        "coherency, 1 - map area and 1 - average drop in one number", "Poppi et al. 2021",
    ),
    "arcc": Metric(
        confidence.arcc, "ARCC", "road", "higher", UNIT, "harmonic mean",
        "coherency, 1 - map area and ROAD in one number", "Domeniconi et al. 2026",
    ),
    "infidelity": Metric(
        robustness.infidelity, "Infidelity", "robustness", "lower", UNIT, "share of the empty map's",
        "how little the map's mass in a square says of what the margin loses without it", "Yeh et al. 2019",
    ),
    "max_sensitivity": Metric(
        robustness.max_sensitivity, "Max-sensitivity", "robustness", "lower", (0.0, None), "share of the map's length",
        "largest change of the map under noise that is hardly seen; 0 for a map that ignores the image",
        "Yeh et al. 2019", validated="no",
    ),
    "randomised_similarity": Metric(
        robustness.randomised_similarity, "Similarity to a shuffled network's map", "robustness", "none", (-1.0, 1.0),
        "Spearman's rho", "near 1 the map shows the picture, whatever the network is", "Adebayo et al. 2018",
    ),
    "logit_similarity": Metric(
        robustness.logit_similarity, "Similarity with the last layer shuffled", "robustness", "none", (-1.0, 1.0),
        "Spearman's rho", "near 1 the map does not depend on what the classes are", "Adebayo et al. 2018",
    ),
    "cascade_similarity": Metric(
        robustness.cascade_similarity, "Similarity down the cascade", "robustness", "none", (-1.0, 1.0),
        "Spearman's rho", "mean over a quarter, half, three quarters and all of the layers shuffled",
        "Adebayo et al. 2018",
    ),
    "class_sensitivity": Metric(
        robustness.class_sensitivity, "Class sensitivity", "robustness", "higher", UNIT, "1 - cosine",
        "how much the map changes with the class; 0 where the class does not matter", roles=("right", "present"),
    ),
    "part_correlation": Metric(
        truth.part_correlation, "Part correlation", "truth", "higher", (-1.0, 1.0), "Spearman's rho",
        "mass per part against the fall of the network's margin when the part is taken away", "Hesse et al. 2023",
        validated="yes",
    ),
    "energy_in_evidence": Metric(
        truth.energy_in_evidence, "Energy in evidence", "truth", "higher", UNIT, "share of mass",
        "share of the map's mass on the head, where the network is certified to use nothing else",
        roles=("right", "present"), validated="yes",
    ),
    "target_sensitivity": Metric(
        truth.target_sensitivity, "Target sensitivity", "truth", "higher", UNIT, "share of maps",
        "whether more mass is on the target's own head than on the other animal's", "Hesse et al. 2023",
        roles=("present",), validated="partly",
    ),
    "certified_scene": Metric(
        truth.certified_scene, "Certified scenes", "truth", "none", UNIT, "share of scenes",
        "whether the scene counts in the ground-truth metrics: the head moves the margin, the rest does not",
        roles=("right", "present"),
    ),
}  # fmt: skip
