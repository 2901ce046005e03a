# Flags that every target shares.
set(HATI_WARNINGS
  -Wall -Wextra -Werror -Wshadow -Wnon-virtual-dtor -Wthread-safety -Wimplicit-fallthrough -Wno-unused-parameter -Wno-missing-designated-field-initializers
  -Wno-missing-designated-field-initializers
  -Wno-gnu-statement-expression)
