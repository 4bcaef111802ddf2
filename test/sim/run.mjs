// Bundles the simulator into a temporary file and runs it: `npm run sim -- --seed 17 --trace`.
import { load } from './transform.mjs';

const { main } = await load('main.ts');
process.exitCode = await main(process.argv.slice(2));
