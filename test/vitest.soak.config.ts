import { defineConfig } from 'vitest/config';

/** Kills and races of real processes, in a new course of events at every run; CDCTL_KILL_SEED repeats a schedule. */
export default defineConfig({
  test: {
    root: new URL('..', import.meta.url).pathname,
    include: ['test/system/kills.test.ts', 'test/system/kills-race.test.ts'],
    globalSetup: 'test/support/run-place.ts',
    testTimeout: 300_000,
    hookTimeout: 120_000,
    maxWorkers: 1,
  },
});
