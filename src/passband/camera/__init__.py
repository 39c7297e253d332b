"""What a camera adds to an image, what people do to it afterwards, and estimates of both from one image.

Its names are public as far as `import passband` offers them; the others may change from one version to the next.
"""
