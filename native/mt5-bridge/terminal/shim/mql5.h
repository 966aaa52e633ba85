// MQL5 for a C++ compiler: what the expert of this project uses of it, declared as MetaEditor has it, so that the same
// .mq5 and .mqh files compile here. Arrays have fixed sizes. Behind it works the simulated terminal (terminal/mql5/).
#pragma once

#include "terminal/shim/arrays.h"
#include "terminal/shim/checks.h"
#include "terminal/shim/constants.h"
#include "terminal/shim/environment.h"
#include "terminal/shim/files.h"
#include "terminal/shim/format.h"
#include "terminal/shim/market.h"
#include "terminal/shim/maths.h"
#include "terminal/shim/sockets.h"
#include "terminal/shim/structs.h"
#include "terminal/shim/text.h"
#include "terminal/shim/trade.h"
#include "terminal/shim/types.h"
