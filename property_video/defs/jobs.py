"""What people and sensors launch.

Not here: the assets.
"""

import dagster as dg

from property_video.core.storyboard import SCENE_KEYS

FILM_ASSETS = (
    "brief",
    "uploaded_photos",
    "photo_analysis",
    "selected_pairs",
    "orders",
    *SCENE_KEYS,
    "audio_track",
    "final_video",
)

film = dg.define_asset_job(
    "film",
    selection=dg.AssetSelection.assets(*FILM_ASSETS),
    description="A campaign's whole film. What was made before is found.",
    executor_def=dg.in_process_executor,
)

scenes = [
    dg.define_asset_job(
        f"reroll_{key}",
        # The track is among them because a scene that comes into the film, or changes its length, changes the track.
        selection=dg.AssetSelection.assets(key, "audio_track", "final_video"),
        description=f"{key.replace('_', ' ').capitalize()} and what follows from it: choose photos, move or seed in "
        "the launch configuration; what is chosen stays.",
        executor_def=dg.in_process_executor,
    )
    for key in SCENE_KEYS
]
