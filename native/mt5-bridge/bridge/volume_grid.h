// Which volumes a symbol can have.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <string>

#include "link/messages.h"
#include "link/text.h"

namespace troupe::bridge {

// Empty when the volume is one that the symbol can have. A symbol that tells no step is not judged here.
inline std::string offGrid(double volume_lots, const link::Spec& spec) {
  const double least = spec.volume_min, most = spec.volume_max, step = spec.volume_step;
  if (!(step > 0) || !(most >= least)) return {};
  const double steps = volume_lots / step;
  // Steps are decimal fractions, which doubles miss by a little.
  const bool good = volume_lots > least - step * 1e-6 && volume_lots < most + step * 1e-6 &&
                    std::abs(steps - std::round(steps)) < 1e-6 * std::max(1.0, steps);
  if (good) return {};
  char text[160];
  std::snprintf(text, sizeof text, "volume_lots: %.10g; allowed for %.*s: %.10g to %.10g in steps of %.10g",
                volume_lots, static_cast<int>(link::textOf(spec.name).size()), spec.name, least, most, step);
  return text;
}

}  // namespace troupe::bridge
