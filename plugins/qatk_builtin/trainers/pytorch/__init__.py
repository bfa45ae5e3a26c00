"""Training and prediction in PyTorch, and what plugins may build on.

A plugin's trainer may be a subclass of :class:`qatk_builtin.trainers.pytorch.trainer.TorchTrainer`, its options one of
:class:`qatk_builtin.trainers.TorchOptions`. Both may rely on the following, which stays as it is for as long as the
version of qatk's hooks (``QATK_API``) does:

- the hooks ``optimizer``, ``on_batch``, ``loss``, ``on_start``, ``on_step`` and ``weights`` of
  :class:`qatk_builtin.trainers.pytorch.hooks.TrainingHooks`: their arguments, what they return, when they are called;
- the options that there are, the methods of :class:`qatk.api.Trainer`, and the attributes ``options`` and ``epoch``;
- of :class:`qatk_builtin.trainers.pytorch.model.QAModel`, an ``nn.Module``: ``encoder``, ``head``, ``spec``, ``loss``.

More hooks and options may come, which do nothing unless they are used. All else in this package is for qatk alone, and
may change with any version.
"""
