// What the browser adds to pages that already work without it: keys, live clocks, one press per form, the theme at once.
import { startClocks } from "./clocks.js";
import { startForms } from "./forms.js";
import { startKeys } from "./keys.js";
import { startLists } from "./list.js";

startClocks();
startForms();
startKeys();
startLists();
