# SPDX-License-Identifier: LGPL-2.1-or-later
"""/openapi.json as the judge of answers."""

import re

import jsonschema


def closed(schema):
    """Answers are open, so that a new field breaks no client; here every field must be described."""
    if isinstance(schema, list):
        return [closed(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    more = {"additionalProperties": False} if isinstance(schema.get("properties"), dict) else {}
    return {**more, **{name: closed(each) for name, each in schema.items()}}


class Document:
    def __init__(self, json):
        self.json = json
        self.components = json["components"]
        self.patterns = [(re.compile(re.sub(r"\{\w+\}", "[^/]+", path)), methods)
                         for path, methods in json["paths"].items()]

    def operation(self, method, target):
        """What the document says of that request; None: nothing."""
        path = target.split("?")[0]
        for pattern, methods in self.patterns:
            if pattern.fullmatch(path) and method.lower() in methods:
                return methods[method.lower()]
        return None

    def check(self, schema, value, what):
        whole = closed({**schema, "components": self.components})
        try:
            jsonschema.Draft202012Validator(whole).validate(value)
        except jsonschema.ValidationError as problem:
            where = "/".join(str(part) for part in problem.absolute_path)
            raise AssertionError(f"{what}: at {where or 'the top'}: {problem.message[:300]}") from None

    def judge(self, method, target, answer):
        """Fails unless an answer in JSON is what the document says. Whether there was one to judge."""
        operation = self.operation(method, target)
        if operation is None or answer.json is None:
            return False
        what = f"{method} {target}: {answer.status}"
        if answer.status >= 400:
            self.check({"$ref": "#/components/schemas/Error"}, answer.json, what)
            return True
        content = operation["responses"][str(answer.status)]["content"]
        kind = answer.headers["content-type"].split(";")[0]
        assert kind in content, f"{what}: {kind}"
        self.check(content[kind]["schema"], answer.json, what)
        return True
