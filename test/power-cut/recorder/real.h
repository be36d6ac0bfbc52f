// Calls the function that a recorded one stands before.

#ifndef REAL_H
#define REAL_H

#include <dlfcn.h>

#define REAL(name)                                                                                                     \
  ({                                                                                                                   \
    static __typeof__(&name) found;                                                                                    \
    if (!found) found = (__typeof__(&name))dlsym(RTLD_NEXT, #name);                                                    \
    found;                                                                                                             \
  })

#endif
