// Arithmetic under MQL5's names.
#pragma once

#include <algorithm>
#include <cmath>

#include "terminal/shim/types.h"

inline double MathAbs(double value) { return std::fabs(value); }
inline double MathRound(double value) { return std::round(value); }
inline double MathFloor(double value) { return std::floor(value); }
inline double MathCeil(double value) { return std::ceil(value); }
inline double MathMin(double a, double b) { return std::min(a, b); }
inline double MathMax(double a, double b) { return std::max(a, b); }
inline double MathPow(double base, double exponent) { return std::pow(base, exponent); }
inline double MathSqrt(double value) { return std::sqrt(value); }
inline double MathLog(double value) { return std::log(value); }
inline double MathMod(double value, double by) { return std::fmod(value, by); }
inline bool MathIsValidNumber(double value) { return std::isfinite(value); }
// 0..32767. Each terminal has its own sequence.
int MathRand();
void MathSrand(int seed);
double NormalizeDouble(double value, int digits);
