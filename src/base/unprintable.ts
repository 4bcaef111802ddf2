/**
 * What a terminal obeys, or a reader does not see: control characters, line and paragraph separators, everything that is invisible or
 * turns the reading direction (Unicode category Cf, Default_Ignorable_Code_Point), and halves of surrogate pairs. Two names that
 * differ in nothing else look the same.
 */
export const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}\p{Default_Ignorable_Code_Point}]/gu;
