import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Random } from '../../../src/base/random.ts';
import { Link } from './link.ts';

export interface Wired {
  readonly name: string;
  readonly port: number;
}

export interface Wiring {
  /** From the host of a site to its array, by name. */
  readonly hosts: ReadonlyMap<string, Link>;
  /** From an array to its peer, by the array's name. */
  readonly remotes: ReadonlyMap<string, Link>;
}

/** Leads every way of a lab whose arrays do not run, in its configurations and descriptions, through a link of its own. */
export async function rewire(directory: string, arrays: readonly Wired[], random: Random): Promise<Wiring> {
  const hosts = new Map<string, Link>();
  const remotes = new Map<string, Link>();
  for (const { name, port } of arrays) {
    const host = await Link.open(port, random);
    replacePort(join(directory, `${name}.yaml`), port, host.port);
    hosts.set(name, host);
    const peer = arrays.find((other) => other.name !== name)!;
    const remote = await Link.open(peer.port, random);
    replacePort(join(directory, name, 'array.yaml'), peer.port, remote.port);
    remotes.set(name, remote);
  }
  return { hosts, remotes };
}

function replacePort(file: string, from: number, to: number): void {
  const text = readFileSync(file, 'utf8');
  const replaced = text.replaceAll(`127.0.0.1:${from}/`, `127.0.0.1:${to}/`);
  if (replaced === text) throw new Error(`${file} names no portal with port ${from}`);
  writeFileSync(file, replaced);
}
