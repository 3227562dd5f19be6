// SPDX-License-Identifier: LGPL-2.1-or-later
/* Whether a file is a valid OpenAPI document: node validate.mjs DOCUMENT.json */
import { Validator } from '@seriousme/openapi-schema-validator';
import { readFileSync } from 'node:fs';

const found = await new Validator().validate(JSON.parse(readFileSync(process.argv[2], 'utf8')));
if (!found.valid) {
    console.error(JSON.stringify(found.errors, null, 1));
    process.exit(1);
}
