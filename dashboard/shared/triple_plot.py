"""Image, mask and overlay in one figure, as lines of a notebook; see :func:`source_code.cell`."""

from brainseg.imaging import shown


def plot(cohort, name, slice_number):
    import matplotlib.pyplot as plt

    image = shown(cohort[name].slice_pixels(slice_number))
    mask = cohort[name].slice_mask(slice_number)
    figure, axes = plt.subplots(1, 3, figsize=(12, 4))
    axes[0].imshow(image)
    axes[1].imshow(mask, cmap="gray")
    axes[2].imshow(image)
    axes[2].contour(mask, levels=[0.5], colors="orange")
    for axis, title in zip(axes, ("Image", "Mask", "Overlay"), strict=True):
        axis.set_title(title)
        axis.axis("off")
    return figure
