/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Causes outside of the records that hold them: in exports and answers. */
#include "wire/out.h"
#include "wire/record.h"
#include "wire/shape.h"

static void write_object(struct buf *json, const char *name, const struct shape *shape,
                         const struct cause *cause)
{
    struct error err;
    if (name) {
        out_key(json, name);
    }
    out_open(json, '{');
    (void)shape_write(json, shape, cause, NULL, &err); /* no number of it is out of range */
    out_close(json, '}');
}

void wire_cause_write(struct buf *json, const char *name, const struct cause *cause)
{
    write_object(json, name, shape_of_cause, cause);
}

void wire_parameters_write(struct buf *json, const char *name, const struct cause *cause)
{
    write_object(json, name, shape_of_parameters, cause);
}

json_t *wire_parameters_schema(void)
{
    return shape_schema(shape_of_parameters, 0);
}

int wire_cause_read(const json_t *json, struct cause *ret, struct error *err)
{
    *ret = (struct cause){0};
    return shape_read(shape_of_cause, json, WIRE_REFUSE_UNKNOWN, ret, err);
}
