"""The tracker: features, regression filter, response, localisation, on-line update.

>>> from tracker import list_trackers
>>> list_trackers()
['accurate', 'compact', 'dslt', 'dslt-code', 'dslt-paper', 'fast', 'gray', 'hog', 'identity', 'nano', 'squeezenet']
"""

from tracker.base import Tracker, TrackOutput
from tracker.by_name import list_trackers, load_tracker
from tracker.correlation import CorrelationFilterTracker
from tracker.dslt import DSLTTracker
from tracker.identity import IdentityTracker
from tracker.multi import MultiTracker
from tracker.presets.base import TRACKERS

__all__ = [
    "TRACKERS",
    "CorrelationFilterTracker",
    "DSLTTracker",
    "IdentityTracker",
    "MultiTracker",
    "TrackOutput",
    "Tracker",
    "list_trackers",
    "load_tracker",
]
