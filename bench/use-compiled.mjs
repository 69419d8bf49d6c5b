// `--import` this, after tsx.
import { register } from 'node:module';

register('./compiled-hooks.mjs', import.meta.url);
