import type * as Main from './main.ts';

export interface Mutation {
  readonly file: string;
  readonly find: string;
  readonly replace: string;
}

export function checkMutation(mutation: Mutation): void;

export function load(entry: 'main.ts', mutations?: readonly Mutation[]): Promise<typeof Main>;
