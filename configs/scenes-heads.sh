#!/bin/sh
# Heads of four recipes on the trunks of three seeds, for configs/study-scenes.toml: sh configs/scenes-heads.sh FOLDER
set -eu
out=$1
mkdir -p "$out"
for seed in 0 1 2; do
	trunk=catdog-scenes-mlp$([ "$seed" = 0 ] || echo "-$seed")
	for smoothing in 0.0 0.1; do
		for head in gap:3e-3 linear:3e-4; do
			cambench train --config configs/catdog-scenes-head.toml --weights "$trunk" --seed "$seed" \
				--arch "alexnet_${head%:*}" --rate "${head#*:}" --smoothing "$smoothing" \
				--out "$out/${head%:*}-$smoothing-$seed.safetensors"
		done
	done
done
