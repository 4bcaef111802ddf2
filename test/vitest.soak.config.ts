import { defineConfig } from 'vitest/config';

/**
 * Kills and races of real processes, minutes of them; `.ci/run` has them, too. CDCTL_KILL_SEED draws another schedule,
 * CDCTL_KILLS and CDCTL_RACE_COMMANDS make it longer.
 */
export default defineConfig({
  test: {
    root: new URL('..', import.meta.url).pathname,
    include: ['test/system/kills.test.ts', 'test/system/kills-race.test.ts'],
    globalSetup: 'test/support/run-place.ts',
    testTimeout: 300_000,
    hookTimeout: 120_000,
    maxWorkers: 1,
    reporters: process.env['CDCTL_TEST_REPORT']
      ? ['default', ['json', { outputFile: process.env['CDCTL_TEST_REPORT'] }]]
      : ['default'],
  },
});
