import unittest

import django
from django.test.runner import DiscoverRunner


class Result(unittest.TextTestResult):
    """Prints a line for each test, as test/stacks/run reads it."""

    def say(self, outcome, test, *why):
        print(outcome, f"{django.VERSION[0]}.{django.VERSION[1]}: {test.shortDescription() or test.id()}", *why, sep="\t", flush=True)

    def addSuccess(self, test):
        super().addSuccess(test)
        self.say("ok", test)

    def addFailure(self, test, error):
        super().addFailure(test, error)
        self.say("FAIL", test, " ".join(repr(error[1]).split())[:500])

    addError = addFailure


class Runner(DiscoverRunner):
    def get_resultclass(self):
        return Result
