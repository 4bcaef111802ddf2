import { hostname, userInfo } from 'node:os';
import { createRealClock } from '../../lun/real-clock.ts';
import { createRealRandom } from '../../lun/real-random.ts';
import type { Services } from '../services.ts';
import { realFiles } from './files.ts';

export interface Surroundings {
  /** The program file, to start further processes of it. */
  readonly programPath: string;
  readonly version: string;
}

/** The one place where commands are given the real world. Each part is loaded when it is first asked for. */
export function createServices(surroundings: Surroundings): Services {
  const clock = createRealClock();
  const random = createRealRandom();
  return {
    clock,
    random,
    files: realFiles,
    who: whoAmI(),
    hostName: hostname(),
    luns: async (settings) => (await import('./luns.ts')).createLunAccess({ clock, random, settings }),
    locks: async () => (await import('./locks.ts')).createLocks(clock),
    arrays: async () => (await import('./array-keeper.ts')).createArrayKeeper({ clock, random, ...surroundings }),
    lab: async () => (await import('./lab/lab.ts')).createLab({ clock, random, ...surroundings }),
    stage: async () => (await import('./stage.ts')).createStage(surroundings.programPath),
  };
}

/** At most 64 bytes: it stands in every interface block. */
function whoAmI(): string {
  const text = `${userName()}@${hostname()}:${process.pid}`;
  return text.length <= 64 ? text : text.slice(-64);
}

function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return 'unknown';
  }
}
