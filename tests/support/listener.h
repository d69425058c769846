// SPDX-License-Identifier: MIT
// A socket for a peer that a test plays itself.
#pragma once

// Bound to a free port of 127.0.0.1; listen() is left to the caller, who may want nobody to be taken in. The test fails where there is none.
int bound_socket(int *ret_port);
